"""The chart of a job: how well each round's result answers on held-out data, per modality, against the base."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from aggregation.models import Round, TrainingJob
from aggregation.selectors import accuracy, jobs
from aggregation.selectors.jobs import Curve
from fleet.registry.models.workload_labels import modality

MAX_POINTS = 300  # per line; a job of more rounds is shown by every second, third …
MAX_TICKS = 12


def accuracy_figure(job: TrainingJob, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return plotly's `{data, layout}`: one line for the whole model and one for each modality alone."""
    import plotly.graph_objects as go  # about a second of CPU: only a process that draws pays it

    curves = [curve for curve in jobs.curves(rounds) if curve.metric == accuracy.ACCURACY]
    base = accuracy.base(job)
    last = max([round.number for round in rounds], default=1)
    traces = [_trace(curve, base, number, alone=len(curves) == 1) for number, curve in enumerate(curves)]
    label = _("Base, version %(n)d") % {"n": job.base_version.number}
    layout: dict[str, Any] = {
        "xaxis": _axis(0 if base is not None else 1, max(last, job.rounds_planned)),
        "yaxis": {"ticksuffix": " %", "range": [0, 100]},
        "meta": {
            "lines": []
            if base is None or not curves
            else [{"y": round(base * 100, 2), "label": label, "limit": False}],
            "finding": _finding(curves, base),
            "reading": "",
            "step": _("Round"),
        },
    }
    figure = go.Figure(data=[go.Scatter(**trace) for trace in traces], layout=layout)
    figure.layout.template = None
    plain: dict[str, Any] = figure.to_plotly_json()
    data = [
        {key: list(value) if isinstance(value, tuple) else value for key, value in one.items()} for one in plain["data"]
    ]
    return {"data": data, "layout": plain["layout"]}


def _axis(first: int, last: int) -> dict[str, Any]:
    """Return the axis of rounds: whole numbers, and room left for the rounds to come."""
    span = max(last - first, 1)
    return {
        "type": "linear",
        "range": [first - span * 0.02, last + span * 0.02],
        "tick0": 0,
        "dtick": -(-span // MAX_TICKS),
        "tickformat": "d",
        "hoverformat": "d",
        "tickformatstops": [],
        "fixedrange": True,
    }


def _trace(curve: Curve, base: float | None, color: int, *, alone: bool) -> dict[str, Any]:
    """Return a line in per cent; that of the whole model begins with the base, where it was measured."""
    begins = curve.kind == accuracy.ALL and base is not None
    numbers = [0, *curve.numbers] if begins else list(curve.numbers)
    values = [base, *curve.values] if begins else list(curve.values)
    step = -(-len(numbers) // MAX_POINTS) or 1
    kept = [at for at in range(len(numbers)) if at % step == 0 or at == len(numbers) - 1]
    return {
        "name": _name(curve.kind, alone=alone),
        "x": [numbers[at] for at in kept],
        "y": [None if (value := values[at]) is None else round(value * 100, 2) for at in kept],
        "mode": "lines+markers",
        "meta": {"color": color, "key": curve.kind},
    }


def _name(kind: str, *, alone: bool) -> str:
    if kind != accuracy.ALL:
        return modality(kind)
    return _("Accuracy") if alone else _("Fusion")


def _finding(curves: Sequence[Curve], base: float | None) -> str:
    """Return the chart in sentences, for those who hear it."""
    known = [(curve, curve.values[-1]) for curve in curves if curve.values]
    parts = [
        f"{_name(curve.kind, alone=len(curves) == 1)} {value * 100:.1f} %"
        for curve, value in known
        if value is not None
    ]
    if not parts:
        return _("Accuracy on held-out data by round: no round is published yet.")
    said = _("Accuracy on held-out data by round, at last: %(parts)s.") % {"parts": ", ".join(parts)}
    if base is not None:
        said += " " + _("The base answers %(share)s right.") % {"share": f"{base * 100:.1f} %"}
    return said
