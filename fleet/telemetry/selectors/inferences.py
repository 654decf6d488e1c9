"""Reads what nodes' shards answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from fleet.registry.models import Node
from fleet.telemetry.models import Inference
from fleet.telemetry.selectors import shards

COLUMNS = ("at", "received_at", "shard", "requests", "errors", "total_us", "least_us", "most_us", "local")

BUCKETS = """
SELECT shard, (at - %(start)s) / %(bucket)s, sum(requests)::bigint, sum(total_us)::float8, bool_and(local)
FROM telemetry_inference WHERE node = %(node)s AND at >= %(start)s AND at < %(end)s AND requests > 0
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class ShardSeries:
    """One shard's mean time for each bucket of a span.

    Attributes:
        requests: answered in the whole span.
        local: whether every input was the device's own.
        mean_ms: (B,) NaN where nothing was answered.
    """

    shard: int
    requests: int
    local: bool
    mean_ms: npt.NDArray[np.float64]


def buckets(node: int, start_us: int, end_us: int, bucket_us: int) -> tuple[npt.NDArray[np.int64], list[ShardSeries]]:
    """Return the beginnings of the buckets (B,) and a series for each shard that answered, in order of their keys."""
    count = -(-(end_us - start_us) // bucket_us)
    at = start_us + bucket_us * np.arange(count, dtype=np.int64)
    with connection.cursor() as cursor:
        cursor.execute(BUCKETS, {"node": node, "start": start_us, "end": end_us, "bucket": bucket_us})
        rows = cursor.fetchall()
    series: dict[int, list[tuple[int, int, float, bool]]] = {}
    for shard, *row in rows:
        series.setdefault(shard, []).append(tuple(row))
    return at, [_series(shard, found, count) for shard, found in series.items()]


def _series(shard: int, rows: list[tuple[int, int, float, bool]], count: int) -> ShardSeries:
    mean_ms = np.full(count, np.nan)
    for bucket, requests, total_us, _local in rows:
        mean_ms[bucket] = total_us / requests / 1000
    return ShardSeries(shard, sum(row[1] for row in rows), all(row[3] for row in rows), mean_ms)


def listed(node: Node, start_us: int, end_us: int, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` rows as they are stored, oldest first, with the names of their shards."""
    found = Inference.objects.filter(node=node.pk, at__gte=start_us, at__lt=end_us).order_by("at", "seq", "shard")
    rows = list(found.values(*COLUMNS)[:limit])
    named = shards.names(node, (row["shard"] for row in rows))
    return [{**row, **_named(named.get(row["shard"]))} for row in rows]


def _named(name: shards.ShardName | None) -> dict[str, Any]:
    if name is None:
        return {"model": None, "version": None, "component": None, "variant": None}
    return vars(name)
