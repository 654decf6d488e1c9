"""Reads what pulse has recorded of the sites a person sees, merged to one series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import F, FloatField, Max, Q, QuerySet, Sum
from django.db.models.functions import Cast, NullIf

from fleet.telemetry.models import FleetFigure
from fleet.trust.access import Person, visible

STEP_US = 10_000_000  # pulse records every ten seconds

COLUMNS = (
    *("all_nodes", "all_online", "p50", "p50_weight", "p95", "cpu", "cpu_weight"),
    *("answered", "answered_weight", "answered_p95"),
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Figures of several sites together, one entry for each step, NaN where there is none.

    Quantiles of sites cannot be merged: `rtt_p95_ms` is that of the slowest site, `rtt_p50_ms` the mean of
    the sites' medians, each site weighted by its nodes online, and `cpu` (0 to 1) is the mean over nodes online.
    So are `inference_p95_ms` and `inference_p50_ms`, weighted by the nodes that answered something.
    """

    at: npt.NDArray[np.int64]  # (N,) microseconds UTC
    nodes: Floats
    online: Floats
    rtt_p50_ms: Floats
    rtt_p95_ms: Floats
    cpu: Floats
    inference_p50_ms: Floats
    inference_p95_ms: Floats

    @property
    def has_inference(self) -> bool:
        """Whether anything was answered in this time."""
        return bool(np.isfinite(self.inference_p95_ms).any())


def below(queryset: QuerySet[Any], site: str | None, lookup: str = "site__") -> QuerySet[Any]:
    """Return the part at the site with this path or below; everything without a path."""
    if not site:
        return queryset
    return queryset.filter(**{f"{lookup}path__startswith": site.strip("/") + "/"})


def history(user: Person, start_us: int, end_us: int, site: str | None = None) -> History:
    """Return what was recorded of the sites that `user` sees, `start_us` ≤ at ≤ `end_us`."""
    weight = Cast("online", FloatField())
    span = (datetime.fromtimestamp(start_us / 1e6, UTC), datetime.fromtimestamp(end_us / 1e6, UTC))
    figures = below(visible(FleetFigure.objects.filter(at__range=span), user), site)
    rows = (
        figures.values("at")
        .annotate(
            all_nodes=Sum("nodes"),
            all_online=Sum("online"),
            p50=Sum(F("rtt_p50_us") * weight),
            p50_weight=Sum(weight, filter=Q(rtt_p50_us__isnull=False)),
            p95=Max("rtt_p95_us"),
            cpu=Sum(F("cpu_mean") * weight),
            cpu_weight=Sum(weight, filter=Q(cpu_mean__isnull=False)),
            answered=Sum(F("inference_p50_us") * Cast("inference_nodes", FloatField())),
            answered_weight=NullIf(Sum("inference_nodes"), 0),
            answered_p95=Max("inference_p95_us"),
        )
        .order_by("at")
        .values_list("at", *COLUMNS)
    )
    at = np.array([int(row[0].timestamp()) * 1_000_000 for row in rows], np.int64)
    table = np.array([row[1:] for row in rows], np.float64).reshape(-1, len(COLUMNS))  # None becomes NaN
    nodes, online, p50, p50_weight, p95, cpu, cpu_weight, answered, answered_weight, answered_p95 = table.T
    return History(
        at=at,
        nodes=nodes,
        online=online,
        rtt_p50_ms=p50 / p50_weight / 1000,
        rtt_p95_ms=p95 / 1000,
        cpu=cpu / cpu_weight,
        inference_p50_ms=answered / answered_weight / 1000,
        inference_p95_ms=answered_p95 / 1000,
    )
