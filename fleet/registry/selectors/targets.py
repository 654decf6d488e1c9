"""Reads what a node shall run beside what it says that it runs."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from fleet.registry.models import Artifact, Node, NodeReport, NodeTarget
from fleet.trust.access import Person, visible


@dataclass(frozen=True)
class Running:
    """A shard in a node's process.

    Attributes:
        artifact: what is published under its key; None where nothing is.
        weights_sha256: of the live tensors.
    """

    key: int
    artifact: Artifact | None
    weights_sha256: str
    verified_at: datetime
    since: datetime

    @property
    def matches(self) -> bool:
        """Whether the live tensors are the published ones."""
        return self.artifact is not None and self.artifact.weights_sha256 == self.weights_sha256


@dataclass(frozen=True)
class DesiredAndReported:
    """A node's target, its last report, and the shards in its process; None where it has none."""

    target: NodeTarget | None
    report: NodeReport | None
    running: list[Running]


def nodes(user: Person) -> QuerySet[Node]:
    """Return the nodes that `user` sees, with their targets and reports."""
    return visible(Node.objects.select_related("site", "target", "report"), user)


def of(node: Node) -> DesiredAndReported:
    """Return what a node shall run beside what it says that it runs."""
    rows = list(node.running.order_by("shard"))
    artifacts = Artifact.objects.select_related("component__version__model").in_bulk([row.shard for row in rows])
    running = [
        Running(row.shard, artifacts.get(row.shard), row.weights_sha256, row.verified_at, row.since) for row in rows
    ]
    return DesiredAndReported(getattr(node, "target", None), getattr(node, "report", None), running)
