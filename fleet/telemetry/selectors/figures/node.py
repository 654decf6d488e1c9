"""Figures of one node, from its raw readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.utils.translation import gettext as _

from fleet.registry.core import health
from fleet.registry.models import Node
from fleet.telemetry.selectors.figures.inference import inference_figure
from fleet.telemetry.selectors.figures.plot import Chart, Line, Trace, bounds, document, newest
from fleet.telemetry.selectors.samples import series

GIB = 1 << 30
US_PER_MS = 1000.0

NODE_RANGES = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "6h": timedelta(hours=6)}

Columns = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Drawing:
    """How one chart is drawn: which columns it reads, and what it makes of them for a node."""

    title: Callable[[], str]
    columns: tuple[str, ...]
    suffix: str
    traces: Callable[[Columns], list[Trace]]
    lines: Callable[[Node], list[Line]]
    right_suffix: str = ""


def node_figure(node: Node, chart: str, span: str, *, zone: ZoneInfo, now_us: int) -> dict[str, Any]:
    """Return one chart of a node over a range that ends now.

    Args:
        chart: one of NODE_CHARTS.
        span: a key of NODE_RANGES.
    """
    if chart == INFERENCE:
        return inference_figure(node, NODE_RANGES[span], zone=zone, now_us=now_us)
    drawing = DRAWINGS[chart]
    start = now_us - int(NODE_RANGES[span].total_seconds() * 1e6)
    found = series(node.pk, start, now_us, drawing.columns)
    traces = drawing.traces(found.columns)
    first = traces[0].values
    return document(
        Chart(
            at=found.at,
            span_us=(start, now_us),
            interval_us=settings.MUSTER_SAMPLE_INTERVAL_MS * 1000,
            traces=[trace for trace in traces if trace is traces[0] or np.isfinite(trace.values).any()],
            lines=drawing.lines(node),
            suffix=drawing.suffix,
            right_suffix=drawing.right_suffix,
            finding=finding(drawing.title(), first, drawing.suffix),
            reading=reading(first, drawing.suffix),
        ),
        zone,
    )


def reading(values: npt.NDArray[np.float64], suffix: str) -> str:
    """Return the newest value with its unit, empty where there is none."""
    value = newest(values)
    return "" if value is None else f"{value:.1f}{suffix}"


def finding(title: str, values: npt.NDArray[np.float64], suffix: str) -> str:
    """Return a chart in a sentence, for those who hear it."""
    found = bounds(values)
    if found is None:
        return _("%(title)s: nothing was measured in this time.") % {"title": title}
    texts = {"title": title, "now": reading(values, suffix)}
    texts |= {"least": f"{found[0]:.1f}{suffix}", "most": f"{found[1]:.1f}{suffix}"}
    return _("%(title)s: %(now)s at last, between %(least)s and %(most)s.") % texts


def _latency(columns: Columns) -> list[Trace]:
    return [Trace("rtt_ms", _("Round trip"), columns["rtt_us"] / US_PER_MS)]


def _load(columns: Columns) -> list[Trace]:
    return [
        Trace("cpu", _("CPU"), columns["cpu"] * 100),
        Trace("load1", _("Load"), columns["load1"], color=1, right=True),
    ]


def _memory(columns: Columns) -> list[Trace]:
    return [Trace("memory_used_bytes", _("Memory"), columns["memory_used_bytes"] / GIB)]


def _temperature(columns: Columns) -> list[Trace]:
    return [
        Trace("temperature_c", _("Temperature"), columns["temperature_c"]),
        Trace("battery", _("Battery"), columns["battery"] * 100, color=1, right=True),
    ]


def _memory_lines(node: Node) -> list[Line]:
    if not node.memory_bytes:
        return []
    installed = node.memory_bytes / GIB
    return [
        Line(round(installed * health.MEMORY_DEGRADED, 4), _("Degraded")),
        Line(round(installed, 4), _("Installed"), limit=False),
    ]


def _at(value: float) -> Callable[[Node], list[Line]]:
    return lambda _node: [Line(value, _("Degraded"))]


DRAWINGS = {
    "latency": Drawing(
        lambda: _("Round trip to the server"), ("rtt_us",), " ms", _latency, _at(health.RTT_DEGRADED_US / US_PER_MS)
    ),
    "load": Drawing(lambda: _("Processor load"), ("cpu", "load1"), " %", _load, lambda _node: [], right_suffix=""),
    "memory": Drawing(lambda: _("Memory in use"), ("memory_used_bytes",), " GiB", _memory, _memory_lines),
    "temperature": Drawing(
        lambda: _("Temperature"),
        ("temperature_c", "battery"),
        " °C",
        _temperature,
        _at(health.TEMPERATURE_DEGRADED_C),
        right_suffix=" %",
    ),
}

INFERENCE = "inference"
NODE_CHARTS = (*DRAWINGS, INFERENCE)
