"""The chart of what a node's components take to answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _

from fleet.registry.models import Node
from fleet.telemetry.core.series import MAX_POINTS
from fleet.telemetry.selectors import shards
from fleet.telemetry.selectors.figures.plot import Chart, Trace, document, newest
from fleet.telemetry.selectors.inferences import ShardSeries, buckets

MAX_LINES = 6  # colours of the palette; the busiest are drawn
SUFFIX = " ms"


def inference_figure(node: Node, span: timedelta, *, zone: ZoneInfo, now_us: int) -> dict[str, Any]:
    """Return one line for each component that answered on the node: its mean time in each bucket of the range."""
    start = now_us - int(span.total_seconds() * 1e6)
    bucket = max(settings.MUSTER_SAMPLE_INTERVAL_MS * 1000, (now_us - start) // MAX_POINTS)
    at, found = buckets(node.pk, start, now_us, bucket)
    drawn = sorted(sorted(found, key=lambda series: -series.requests)[:MAX_LINES], key=lambda series: series.shard)
    labels = _labels(node, drawn)
    traces = [
        Trace(f"shard-{series.shard}", labels[series.shard], series.mean_ms, color=number)
        for number, series in enumerate(drawn)
    ]
    chart = Chart(
        at=at,
        span_us=(start, now_us),
        interval_us=max([bucket, *(_pace_us(series, bucket) for series in drawn)]),
        traces=traces or [Trace("shard", _("Inference"), np.full(len(at), np.nan))],
        lines=[],
        suffix=SUFFIX,
        finding=_finding(traces, len(found) - len(drawn)),
        reading=_reading(traces[0]) if len(traces) == 1 else "",
    )
    figure = document(chart, zone)
    figure["layout"]["meta"] |= {
        "note": _note([labels[series.shard] for series in drawn if not series.local]),
        # What the page knows of: a key that is none of these is a new component, and the figure is fetched anew.
        "keys": [f"shard-{series.shard}" for series in found],
    }
    return figure


def _labels(node: Node, drawn: list[ShardSeries]) -> dict[int, str]:
    found = shards.labels(node, [series.shard for series in drawn])
    return {key: label or _("Shard %(key)s") % {"key": key} for key, label in found.items()}


def _pace_us(series: ShardSeries, bucket_us: int) -> int:
    """Return the usual distance of two answers: a component that is asked seldom has no gap after each."""
    answered = np.flatnonzero(np.isfinite(series.mean_ms))
    return int(np.median(np.diff(answered))) * bucket_us if len(answered) > 1 else bucket_us


def _reading(trace: Trace) -> str:
    value = newest(trace.values)
    return "" if value is None else f"{value:.2f}{SUFFIX}"


def _finding(traces: list[Trace], left_out: int) -> str:
    """Return the chart in sentences, for those who hear it."""
    if not traces:
        return _("Inference latency by component: nothing was measured in this time.")
    parts = ", ".join(f"{trace.name} {_reading(trace)}" for trace in traces)
    said = _("Inference latency by component, at last: %(parts)s.") % {"parts": parts}
    if left_out:
        said += " " + _("%(n)s more components that answered less are left out.") % {"n": left_out}
    return said


def _note(stand_ins: list[str]) -> str:
    """Return what a reader must know of the inputs; empty where all were the device's own."""
    if not stand_ins:
        return ""
    return _("Measured on inputs that stand in for another tier's tensors: %(parts)s.") % {
        "parts": ", ".join(stand_ins)
    }
