"""Figures of all the sites a person sees, from what pulse has recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from fleet.registry.core import health
from fleet.telemetry.selectors.figures.history import STEP_US, History, history
from fleet.telemetry.selectors.figures.node import finding, reading
from fleet.telemetry.selectors.figures.plot import Chart, Line, Trace, document
from fleet.trust.access import Person

FLEET_CHARTS = ("latency", "load")
FLEET_RANGES = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}


def fleet_figure(
    user: Person, chart: str, span: str, *, zone: ZoneInfo, now_us: int, site: str | None = None
) -> dict[str, Any]:
    """Return one chart over the sites that `user` sees, or over `site` (a path) and below.

    Args:
        chart: one of FLEET_CHARTS.
        span: a key of FLEET_RANGES.
    """
    start = now_us - int(FLEET_RANGES[span].total_seconds() * 1e6)
    found = history(user, start, now_us, site)
    title, traces, lines, suffix = _latency(found) if chart == "latency" else _load(found)
    first = traces[0].values
    figure = document(
        Chart(
            at=found.at,
            span_us=(start, now_us),
            interval_us=STEP_US,
            traces=traces,
            lines=lines,
            suffix=suffix,
            finding=finding(title, first, suffix),
            reading=reading(first, suffix),
        ),
        zone,
    )
    figure["layout"]["meta"]["title"] = title
    return figure


def _latency(found: History) -> tuple[str, list[Trace], list[Line], str]:
    """Return what was measured of inference; the round trip where nothing was."""
    if found.has_inference:
        traces = [
            Trace("inference_p95_ms", _("p95 (slowest site)"), found.inference_p95_ms),
            Trace("inference_p50_ms", _("Median"), found.inference_p50_ms, color=1),
        ]
        return _("Inference, mean per component"), traces, [], " ms"
    traces = [
        Trace("rtt_p95_ms", _("p95 (slowest site)"), found.rtt_p95_ms),
        Trace("rtt_p50_ms", _("Median"), found.rtt_p50_ms, color=1),
    ]
    lines = [Line(health.RTT_DEGRADED_US / 1000, _("Degraded"))]
    return _("Round trip to the server"), traces, lines, " ms"


def _load(found: History) -> tuple[str, list[Trace], list[Line], str]:
    trace = Trace("cpu_mean", _("Mean CPU"), found.cpu * 100)
    return _("Processor load"), [trace], [], " %"
