"""Builds plotly documents from arrays. They carry data, ranges, units and reference lines; the page adds the look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from fleet.telemetry.core import local_time
from fleet.telemetry.core.series import shown

# A reference further away than this multiple of the greatest reading is left out.
REACH = 2.0


@dataclass(frozen=True)
class Trace:
    """One line of a chart, in the unit of its axis.

    Attributes:
        key: name under which live readings extend it.
        color: place in the page's palette, 0 to 5.
        right: drawn on the second axis.
    """

    key: str
    name: str
    values: npt.NDArray[np.float64]  # (N,) NaN where there is no value
    color: int = 0
    right: bool = False


@dataclass(frozen=True)
class Line:
    """A horizontal reference; `limit` where crossing it changes a node's status."""

    y: float
    label: str
    limit: bool = True


@dataclass(frozen=True)
class Chart:
    """What a figure is made of.

    Attributes:
        at: (N,) microseconds UTC, rising.
        span_us: first and last moment of the time axis.
        interval_us: usual distance of two readings.
        suffix, right_suffix: units behind the tick labels of the two axes.
        finding: the chart in a sentence.
        reading: the newest value with its unit, empty where there is none.
    """

    at: npt.NDArray[np.int64]
    span_us: tuple[int, int]
    interval_us: int
    traces: list[Trace]
    lines: list[Line]
    suffix: str
    finding: str
    reading: str
    right_suffix: str = ""


def document(chart: Chart, zone: ZoneInfo) -> dict[str, Any]:
    """Return a chart as plotly's `{data, layout}`, times on the wall clock of `zone`."""
    import plotly.graph_objects as go  # about a second of CPU: only a process that draws pays it

    layout: dict[str, Any] = {
        "xaxis": {"range": [local_time.iso(moment, zone) for moment in chart.span_us]},
        "yaxis": {"ticksuffix": chart.suffix},
        "meta": {
            "lines": [{"y": line.y, "label": line.label, "limit": line.limit} for line in within_reach(chart)],
            "finding": chart.finding,
            "reading": chart.reading,
        },
    }
    if any(trace.right for trace in chart.traces):
        layout["yaxis2"] = {"ticksuffix": chart.right_suffix}
    figure = go.Figure(data=[go.Scatter(**_scatter(chart, trace, zone)) for trace in chart.traces], layout=layout)
    # The page has its own look: plotly's default template would send 7 KB of colours along.
    figure.layout.template = None
    plain: dict[str, Any] = figure.to_plotly_json()
    return {"data": [_plain(trace) for trace in plain["data"]], "layout": plain["layout"]}


def within_reach(chart: Chart) -> list[Line]:
    """Return the references that the readings could soon meet.

    A limit of 500 ms above readings of 3 ms would flatten the curve that it should explain.
    """
    tops = [found[1] for trace in chart.traces if not trace.right and (found := bounds(trace.values))]
    return [line for line in chart.lines if not tops or line.y <= max(tops) * REACH]


def _scatter(chart: Chart, trace: Trace, zone: ZoneInfo) -> dict[str, Any]:
    at, values = shown(chart.at, trace.values, interval_us=chart.interval_us)
    return {
        "name": trace.name,
        "x": [local_time.iso(moment, zone) for moment in at.tolist()],
        "y": [None if math.isnan(value) else round(value, 4) for value in values.tolist()],
        "yaxis": "y2" if trace.right else "y",
        "meta": {"color": trace.color, "key": trace.key},
    }


def _plain(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a trace whose tuples are lists again."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in trace.items()}


def newest(values: npt.NDArray[np.float64]) -> float | None:
    """Return the last value that is there."""
    real = values[np.isfinite(values)]
    return float(real[-1]) if len(real) else None


def bounds(values: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the least and the greatest value."""
    real = values[np.isfinite(values)]
    return (float(real.min()), float(real.max())) if len(real) else None
