"""The key figures of the overview."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.conf import settings

from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.telemetry.selectors.figures.history import STEP_US, below, history
from fleet.telemetry.selectors.fleet_now import online
from fleet.telemetry.selectors.samples import stored_by_second
from fleet.trust.access import Person, visible
from fleet.trust.models import Site
from muster.clock import now_us

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
SPARK_POINTS = 60  # one for each minute of the hour, or each second of the minute
FRESH_US = 3 * STEP_US  # an older figure is not "now": pulse has stopped
FRESH_S = FRESH_US // 1_000_000
SETTLING_US = 2_000_000  # readings of the last two seconds may still be on their way

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A figure now and an hour ago, None where nothing was recorded, and its way there (at most 60 values)."""

    now: float | None
    hour_ago: float | None
    spark: list[float | None]


@dataclass(frozen=True)
class FleetKpis:
    """The overview's key figures over the nodes that a person sees.

    Attributes:
        total: nodes that should be online: the active ones.
        online: how many of them hold a lease.
        rtt_p95_ms: of the slowest site.
        inference_p95_ms: of the slowest site, over nodes, of each one's mean time in a component.
        cpu_mean: 0 to 1, over nodes online.
        stored_per_s: readings stored of each second, over the last minute; its `hour_ago` is None.
        expected_per_s: what the nodes online send.
    """

    total: int
    online: Measure
    rtt_p95_ms: Measure
    inference_p95_ms: Measure
    cpu_mean: Measure
    stored_per_s: Measure
    expected_per_s: float


def fleet_kpis(user: Person, site: Site | None = None) -> FleetKpis:
    """Return the key figures over the nodes that `user` sees, or over those at `site` and below."""
    now = now_us()
    path = site.path if site is not None else None
    active = below(visible(Node.objects.filter(state=NodeState.ACTIVE), user), path)
    standing = dict(active.annotate(lives=online()).values_list("key", "lives"))
    present = sum(standing.values())
    found = history(user, now - HOUR_US, now, path)
    ready = now - SETTLING_US
    stored = stored_by_second(list(standing), ready - MINUTE_US, ready)
    trend = _measure(found.at, found.online, now)
    return FleetKpis(
        total=len(standing),
        online=Measure(present, trend.hour_ago, trend.spark),
        rtt_p95_ms=_measure(found.at, found.rtt_p95_ms, now),
        inference_p95_ms=_measure(found.at, found.inference_p95_ms, now),
        cpu_mean=_measure(found.at, found.cpu, now),
        stored_per_s=Measure(float(stored.mean()), None, [float(count) for count in stored]),
        expected_per_s=present * 1000 / settings.MUSTER_SAMPLE_INTERVAL_MS,
    )


def _measure(at: npt.NDArray[np.int64], values: Floats, now: int) -> Measure:
    """Return the newest and the oldest value of the last hour with the mean of each minute."""
    minutes = (at - (now - HOUR_US)) // MINUTE_US  # (N,) 0 to 60
    spark = [_mean(values[minutes == minute]) for minute in range(SPARK_POINTS)]
    return Measure(
        now=_newest(values[at >= now - FRESH_US]),
        hour_ago=_newest(values[at < now - HOUR_US + FRESH_US]),
        spark=spark if any(value is not None for value in spark) else [],
    )


def _mean(values: Floats) -> float | None:
    real = values[np.isfinite(values)]
    return float(real.mean()) if len(real) else None


def _newest(values: Floats) -> float | None:
    return float(values[-1]) if len(values) and not math.isnan(values[-1]) else None
