"""Reads rollouts as a person may see them: how far they are, and desired against reported for each node."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from fleet.registry.models import Node, NodeReport, NodeTarget, RunningShard
from fleet.rollouts.core.rollout_states import RolloutState
from fleet.rollouts.models import Assignment, Rollout
from fleet.rollouts.selectors import placements
from fleet.rollouts.selectors.placements import Shard
from fleet.trust.access import Person, visible

# A superseded rollout is told about for this long, so that its page learns that it is over.
FAREWELL = timedelta(minutes=1)


def listing(user: Person) -> QuerySet[Rollout]:
    """Return the rollouts of the models that `user` sees, the newest first."""
    rollouts = Rollout.objects.select_related("model__site", "plan__version", "created_by")
    return visible(rollouts, user).order_by("-created_at", "-id")


def watchable(user: Person, ids: list[uuid.UUID]) -> Iterable[uuid.UUID]:
    """Return those of these rollouts that `user` may watch."""
    return visible(Rollout.objects.filter(pk__in=ids), user).values_list("pk", flat=True)


def counts(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    """Return rollout → state → how many of its nodes are in it."""
    rows = Assignment.objects.filter(rollout__in=ids).values_list("rollout", "state").annotate(number=Count("pk"))
    found: dict[uuid.UUID, dict[str, int]] = {pk: {} for pk in ids}
    for rollout, state, number in rows.order_by("rollout", "state"):
        found[rollout][state] = number
    return found


def revisions() -> dict[uuid.UUID, int]:
    """Return the revision of every rollout that somebody may be watching grow."""
    lately = Rollout.objects.filter(created_at__gt=timezone.now() - FAREWELL, previous__isnull=False)
    rows = Rollout.objects.filter(~Q(state=RolloutState.SUPERSEDED) | Q(pk__in=lately.values("previous")))
    return dict(rows.values_list("pk", "revision"))


def assignments(rollout: Rollout) -> QuerySet[Assignment]:
    """Return a rollout's assignments in order of their nodes' names, with all that `desired` and `reported` say."""
    rows = rollout.assignments.select_related("node__site", "node__presence", "node__report", "node__target")
    return rows.prefetch_related("node__running").order_by("node__name", "node_id")


@dataclass(frozen=True)
class ShardStanding:
    """One shard that a node shall run, and what the node says of it.

    Attributes:
        held: how far its file has come, as the node says; None where it says nothing of it.
        live_weights_sha256: of the tensors in its process; None where it does not run.
    """

    shard: Shard
    held: str | None
    have_bytes: int | None
    live_weights_sha256: str | None
    verified_at: Any
    since: Any

    @property
    def matches(self) -> bool | None:
        """Whether the live tensors are the published ones; None where nothing runs."""
        return None if self.live_weights_sha256 is None else self.live_weights_sha256 == self.shard.weights_sha256


def desired(rollout: Rollout) -> dict[str, list[Shard]]:
    """Return tier → the shards that a rollout's plan puts there, in order of the components."""
    return placements.by_tier(placements.shards(rollout.plan.version, placements.seats_of(rollout.plan)).values())


def against(shards: Iterable[Shard], node: Node) -> list[ShardStanding]:
    """Return each shard with what the node says of it."""
    report: NodeReport | None = getattr(node, "report", None)
    held = {shard["key"]: shard for shard in report.shards} if report else {}
    running: dict[int, RunningShard] = {shard.shard: shard for shard in node.running.all()}
    return [_standing(shard, held.get(shard.key), running.get(shard.key)) for shard in shards]


def _standing(shard: Shard, held: dict[str, Any] | None, live: RunningShard | None) -> ShardStanding:
    return ShardStanding(
        shard=shard,
        held=held["state"] if held else None,
        have_bytes=held["have_bytes"] if held else None,
        live_weights_sha256=live.weights_sha256 if live else None,
        verified_at=live.verified_at if live else None,
        since=live.since if live else None,
    )


def target(node: Node) -> NodeTarget | None:
    """Return a node's target, None where it has none."""
    return getattr(node, "target", None)
