"""Reads what one node shall run against what it says and proves that it runs, all models together."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from fleet.registry.models import Node, NodeReport, NodeTarget, RunningShard
from fleet.rollouts.models import ShardingPlan
from fleet.telemetry.selectors import answered as latency
from fleet.telemetry.selectors.answered import Answered
from fleet.trust.access import Person, visible
from muster.wire import targets


@dataclass(frozen=True)
class ShardLine:
    """One shard that the node shall run.

    Attributes:
        state: how far its file has come, as the node says; empty where it says nothing of it.
        live: hash of the tensors in the node's process; empty where it does not run.
    """

    shard: targets.Shard
    state: str
    live: str
    verified_at: datetime | None
    answered: Answered | None

    @property
    def matches(self) -> bool | None:
        """Whether the live tensors are the published ones; None where nothing runs."""
        return self.live == self.shard.weights_sha256 if self.live else None


@dataclass(frozen=True)
class ModelPart:
    """The part of one model that the node shall run; `plan` is None where the person may not see it."""

    placed: targets.PlacedModel
    plan: ShardingPlan | None
    lines: list[ShardLine]


@dataclass(frozen=True)
class NodeShards:
    """Desired against reported.

    Attributes:
        strays: shards that run and that nobody wants, as a superseded target's do until the node has switched.
    """

    target: NodeTarget | None
    report: NodeReport | None
    generation: targets.Generation | None
    models: list[ModelPart]
    strays: list[RunningShard]

    @property
    def wanted(self) -> int:
        return sum(len(model.lines) for model in self.models)

    @property
    def matching(self) -> int:
        return sum(1 for model in self.models for line in model.lines if line.matches)

    @property
    def running(self) -> int:
        return sum(1 for model in self.models for line in model.lines if line.live)

    @property
    def is_behind(self) -> bool:
        """Whether the node has not said that it accepted the newest target."""
        return self.target is not None and not (
            self.report is not None
            and (self.report.release_epoch, self.report.counter) == (self.target.release_epoch, self.target.counter)
        )


def of(user: Person, node: Node) -> NodeShards:
    """Return what a node shall run and runs, in six queries at most."""
    target = NodeTarget.objects.filter(pk=node.pk).first()
    report = NodeReport.objects.filter(pk=node.pk).first()
    running = {shard.shard: shard for shard in RunningShard.objects.filter(node=node)}
    document = targets.read(bytes(target.document)) if target else None
    wanted = document.shards if document else []
    held = {shard["key"]: shard["state"] for shard in report.shards} if report else {}
    answered = latency.lately([shard.key for shard in wanted], nodes=[node.pk]) if wanted else {}
    plans = _plans(user, document.models if document else [])
    parts = [
        ModelPart(
            placed,
            plans.get(placed.plan_sha256),
            [_line(shard, held, running, answered) for shard in placed.shards],
        )
        for placed in (document.models if document else [])
    ]
    keys = {shard.key for shard in wanted}
    strays = [shard for key, shard in sorted(running.items()) if key not in keys]
    return NodeShards(target, report, document.generation if document else None, parts, strays)


def _line(
    shard: targets.Shard, held: dict[int, str], running: dict[int, RunningShard], answered: dict[int, Answered]
) -> ShardLine:
    live = running.get(shard.key)
    return ShardLine(
        shard,
        held.get(shard.key, ""),
        live.weights_sha256 if live else "",
        live.verified_at if live else None,
        answered.get(shard.key),
    )


def _plans(user: Person, placed: list[targets.PlacedModel]) -> dict[str, ShardingPlan]:
    """Return plan_sha256 → plan, of those that the person may see."""
    if not placed:
        return {}
    versions = [uuid.UUID(model.version_id) for model in placed]
    hashes = [model.plan_sha256 for model in placed]
    found = visible(ShardingPlan.objects.filter(plan_sha256__in=hashes, version__in=versions), user)
    return {plan.plan_sha256: plan for plan in found.select_related("model")}
