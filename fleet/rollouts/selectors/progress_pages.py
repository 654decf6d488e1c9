"""Reads what the page of a push shows: its counts, and each node's desired against its reported state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.registry.models import Node, NodeReport, NodeTarget
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models import Assignment, Rollout
from fleet.rollouts.models.rollout import ASSIGNMENT_LABELS
from fleet.rollouts.selectors import rollouts as selector
from fleet.rollouts.selectors.placements import Shard
from fleet.rollouts.selectors.rollouts import ShardStanding
from fleet.trust.access import Person, visible
from muster.wire.targets import ShardState

# The order of the bar and its legend: what is done first, what needs a person last but one, who is away at the end.
ORDER = (
    AssignmentState.ACTIVE,
    AssignmentState.PROBED,
    AssignmentState.STAGED,
    AssignmentState.DOWNLOADING,
    AssignmentState.PENDING,
    AssignmentState.FAILED,
    AssignmentState.DEFERRED,
    AssignmentState.SUPERSEDED,
)
LABELS: dict[str, str | Promise] = dict(ASSIGNMENT_LABELS)


@dataclass(frozen=True)
class Piece:
    """How many nodes are in one state."""

    state: str
    label: str | Promise
    count: int


@dataclass(frozen=True)
class Line:
    """One node's part in a push.

    Attributes:
        desired: generation of its newest target; reported: of the one that it says it accepted.
        matching: how many of its shards run with the published weights, of all `shards`.
        fetched_bytes: of `total_bytes`, as the node says.
        proven_at: when the oldest of its proofs was computed; None where nothing runs.
    """

    assignment: Assignment
    node: Node
    target: NodeTarget | None
    report: NodeReport | None
    shards: list[ShardStanding]
    matching: int
    differing: int
    fetched_bytes: int
    total_bytes: int
    proven_at: datetime | None

    @property
    def desired(self) -> str:
        return _generation(self.target)

    @property
    def reported(self) -> str:
        return _generation(self.report)

    @property
    def is_behind(self) -> bool:
        return self.desired != self.reported


def pieces(user: Person, rollout: Rollout) -> list[Piece]:
    """Return how many of a push's nodes are in which state, of the nodes that the person sees."""
    rows = _seen(user, rollout).order_by().values_list("state").annotate(number=Count("pk"))
    counts = dict(rows)
    return [Piece(state.value, LABELS[state.value], counts.get(state.value, 0)) for state in ORDER if counts.get(state)]


def lines(user: Person, rollout: Rollout, state: str = "") -> QuerySet[Assignment]:
    """Return the assignments of a push on nodes that the person sees, of one state where one is named."""
    nodes = visible(Node.objects.all(), user)
    found = selector.assignments(rollout).filter(node__in=nodes)
    return found.filter(state=state) if state in LABELS else found


def line(assignment: Assignment, desired: dict[str, list[Shard]]) -> Line:
    """Return one node's part, from rows that `lines` has read.

    Args:
        desired: tier → the shards that the plan puts there.
    """
    node = assignment.node
    target: NodeTarget | None = getattr(node, "target", None)
    report: NodeReport | None = getattr(node, "report", None)
    shards = selector.against(desired.get(node.tier, []), node)
    verified = [shard.verified_at for shard in shards if shard.verified_at is not None]
    return Line(
        assignment,
        node,
        target,
        report,
        shards,
        matching=sum(1 for shard in shards if shard.matches),
        differing=sum(1 for shard in shards if shard.matches is False),
        fetched_bytes=sum(_fetched(shard) for shard in shards),
        total_bytes=sum(shard.shard.size_bytes for shard in shards),
        proven_at=min(verified, default=None),
    )


def sentence(rollout: Rollout, found: Sequence[Piece]) -> str:
    """Return where a push stands, as one would say it aloud."""
    counts = {piece.state: piece.count for piece in found}
    total = sum(counts.values())
    active = counts.get(AssignmentState.ACTIVE, 0)
    if rollout.state == RolloutState.SUPERSEDED:
        return _("A later push took over. What is shown is where its nodes stood then.")
    if not total:
        return _("No node of the plan's tiers is active now. Nodes that join get it by themselves.")
    if active == total:
        return ngettext(
            "%(total)d node proves that it runs the plan.", "All %(total)d nodes prove that they run the plan.", total
        ) % {"total": total}
    many = ngettext(
        "%(active)d of %(total)d node proves that it runs the plan.",
        "%(active)d of %(total)d nodes prove that they run the plan.",
        total,
    ) % {"active": active, "total": total}
    return " ".join([many, *_rest(counts)])


def _rest(counts: dict[str, int]) -> list[str]:
    """Return what keeps the others: failures first, then who is away."""
    failed, away = counts.get(AssignmentState.FAILED, 0), counts.get(AssignmentState.DEFERRED, 0)
    result = []
    if failed:
        result.append(ngettext("%(n)d failed and tries again.", "%(n)d failed and try again.", failed) % {"n": failed})
    if away:
        result.append(
            ngettext("%(n)d is offline and catches up.", "%(n)d are offline and catch up.", away) % {"n": away}
        )
    return result


def _seen(user: Person, rollout: Rollout) -> QuerySet[Assignment]:
    return rollout.assignments.filter(node__in=visible(Node.objects.all(), user))


def _fetched(standing: ShardStanding) -> int:
    """Return how many bytes of a shard's file are on the device; one that is stored or runs is there whole."""
    if standing.held in (ShardState.HELD, ShardState.STAGED, ShardState.SERVING):
        return standing.shard.size_bytes
    return min(standing.have_bytes or 0, standing.shard.size_bytes)


def _generation(row: NodeTarget | NodeReport | None) -> str:
    """Return a generation as pages show it: release epoch and counter."""
    if row is None or row.release_epoch is None or row.counter is None:
        return ""
    return f"{row.release_epoch}.{row.counter}"
