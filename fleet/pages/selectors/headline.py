"""The four figures of the overview, each with what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from fleet.pages.core.numbers import NO_DATA, SPACE, change, plain, spark_path, three_digits
from fleet.telemetry.selectors.figures import FRESH_S, FleetKpis, Measure, fleet_kpis
from fleet.trust.access import Person
from fleet.trust.models import Site

# A difference below this share is noise and keeps the colour of the text.
NOTEWORTHY = 0.10


@dataclass(frozen=True)
class Headline:
    """One figure as the page shows it.

    Attributes:
        note, delta: what it is compared with, and by how much it differs.
        tone: good, warn or nothing, for the difference alone.
        spark, reference: SVG paths of the last hour and of what it is compared with.
        finding: the same as a sentence for who does not see the line.
    """

    label: str
    value: str
    unit: str
    note: str
    delta: str
    tone: str
    spark: str
    reference: str
    finding: str


def headlines(user: Person, site: Site | None = None) -> list[Headline]:
    """Return nodes online, latency, processor and samples stored; at `site` and below where one is chosen."""
    kpis = fleet_kpis(user, site)
    online, stored = int(kpis.online.now or 0), kpis.stored_per_s.now or 0.0
    missing = kpis.total - online
    return [
        _headline(
            _("Nodes online"),
            plain(online),
            "",
            _("of %(total)s active") % {"total": plain(kpis.total)},
            kpis.online.spark,
            kpis.total,
            tone=_shortfall(online, kpis.total),
            delta=plain(-missing) if missing else "",
        ),
        _latency(kpis),
        _compared(_("Processor, mean"), kpis.cpu_mean, "%", scale=100),
        _headline(
            _("Samples stored"),
            three_digits(stored),
            "/s",
            _("expected %(rate)s/s") % {"rate": three_digits(kpis.expected_per_s)},
            kpis.stored_per_s.spark,
            kpis.expected_per_s,
            tone=_shortfall(stored, kpis.expected_per_s),
            delta=(change(stored, kpis.expected_per_s) or "") if _shortfall(stored, kpis.expected_per_s) else "",
        ),
    ]


def _latency(kpis: FleetKpis) -> Headline:
    """Return the measured latency of inference where nodes answer something, the round trip to the server otherwise."""
    if kpis.inference_p95_ms.now is not None:
        return _compared(_("Inference, p95"), kpis.inference_p95_ms, "ms")
    return _compared(_("Round trip, p95"), kpis.rtt_p95_ms, "ms")


def _shortfall(value: float, expected: float) -> str:
    """Return the tone of a figure that should reach `expected`."""
    return "warn" if value < expected * (1 - NOTEWORTHY) else ""


def _compared(label: str, measure: Measure, unit: str, *, scale: float = 1) -> Headline:
    """Return a figure beside its value of an hour ago."""
    now, before = _scaled(measure.now, scale), _scaled(measure.hour_ago, scale)
    spark = [_scaled(point, scale) for point in measure.spark]
    if now is None:
        return _headline(label, NO_DATA, "", _("no reading in the last %(n)d s") % {"n": FRESH_S}, spark, before)
    value = three_digits(now)
    if before is None:
        return _headline(label, value, unit, _("no data an hour ago"), spark, None)
    note = _("an hour ago %(value)s") % {"value": f"{three_digits(before)}{SPACE}{unit}"}
    worse = before > 0 and (now - before) / before > NOTEWORTHY
    delta = change(now, before) or ""
    return _headline(label, value, unit, note, spark, before, tone="warn" if worse else "", delta=delta)


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _headline(
    label: str,
    value: str,
    unit: str,
    note: str,
    spark: Sequence[float | None],
    reference: float | None,
    *,
    tone: str = "",
    delta: str = "",
) -> Headline:
    known = [point for point in spark if point is not None]
    if len(known) < 2:
        return Headline(label, value, unit, note, delta, tone, "", "", "")
    marks = [*known, reference] if reference is not None else known
    low, high = min(0.0, *marks) if min(marks) < 0 else min(marks), max(marks)
    line = "" if reference is None else spark_path([reference, reference], low, high)
    finding = _("%(label)s over the last hour: %(low)s to %(high)s%(unit)s") % {
        "label": label,
        "low": three_digits(min(known)),
        "high": three_digits(max(known)),
        "unit": f" {unit}" if unit else "",
    }
    return Headline(label, value, unit, note, delta, tone, spark_path(spark, low, high), line, finding)
