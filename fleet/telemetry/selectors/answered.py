"""Reads what shards answered of late."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.aggregates import BoolAnd
from django.db.models import Count, Max, Sum

from fleet.telemetry.models import Inference
from muster.clock import now_us

LATE_US = 30_000_000  # what is older than half a minute is no figure of now


@dataclass(frozen=True)
class Answered:
    """What one shard answered in the last half minute, on one node or on several.

    Attributes:
        mean_us, most_us: time inside the component.
        local: whether every input was the devices' own; otherwise some stood in for another tier's tensors.
    """

    requests: int
    errors: int
    mean_us: int | None
    most_us: int
    nodes: int
    local: bool


def lately(shards: Iterable[int], *, nodes: Iterable[int] | None = None, now: int | None = None) -> dict[int, Answered]:
    """Return shard → what it answered lately; shards that were silent are left out.

    Args:
        shards: keys of artifacts.
        nodes: keys of nodes; all without it.
        now: microseconds UTC.
    """
    found = Inference.objects.filter(shard__in=list(shards), at__gt=(now or now_us()) - LATE_US)
    if nodes is not None:
        found = found.filter(node__in=list(nodes))
    rows = (
        found.order_by()
        .values("shard")
        .annotate(
            answered=Sum("requests"),
            failed=Sum("errors"),
            total=Sum("total_us"),
            most=Max("most_us"),
            on=Count("node", distinct=True),
            own=BoolAnd("local"),
        )
    )
    return {
        row["shard"]: Answered(
            requests=row["answered"],
            errors=row["failed"],
            mean_us=row["total"] // row["answered"] if row["answered"] else None,
            most_us=row["most"],
            nodes=row["on"],
            local=row["own"],
        )
        for row in rows
    }
