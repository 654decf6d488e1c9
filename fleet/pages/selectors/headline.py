"""The four figures of the overview, each with what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from fleet.pages.core.numbers import NO_DATA, change, plain, spark_path, three_digits
from fleet.telemetry.selectors.figures import fleet_kpis
from fleet.trust.access import Person

# A change below this share is noise and keeps the colour of the text.
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


def headlines(user: Person) -> list[Headline]:
    """Return nodes online, round trip, processor and samples stored."""
    kpis = fleet_kpis(user)
    return [
        _headline(
            _("Nodes online"),
            plain(kpis.online),
            "",
            _("of %(total)s active") % {"total": plain(kpis.total)},
            kpis.online_spark,
            kpis.total,
            tone="warn" if kpis.online < kpis.total else "",
            delta=f"−{plain(kpis.total - kpis.online)}" if kpis.online < kpis.total else "",
        ),
        _compared(_("Round trip, p95"), kpis.rtt_p95_ms, kpis.rtt_p95_ms_hour_ago, "ms", kpis.rtt_p95_spark),
        _compared(_("Processor, mean"), _percent(kpis.cpu_mean), _percent(kpis.cpu_mean_hour_ago), "%", kpis.cpu_spark),
        _headline(
            _("Samples stored"),
            three_digits(kpis.samples_per_s),
            "/s",
            _("expected %(rate)s/s") % {"rate": three_digits(kpis.samples_expected_per_s)},
            kpis.samples_spark,
            kpis.samples_expected_per_s,
        ),
    ]


def _compared(label: str, now: float | None, before: float | None, unit: str, spark: Sequence[float | None]) -> Headline:
    """Return a figure beside its value of an hour ago."""
    value = NO_DATA if now is None else three_digits(now)
    if before is None:
        return _headline(label, value, unit, _("no data an hour ago"), spark, None)
    note = _("an hour ago %(value)s") % {"value": f"{three_digits(before)} {unit}"}
    worse = now is not None and before > 0 and (now - before) / before > NOTEWORTHY
    delta = (change(now, before) if now is not None else None) or ""
    return _headline(label, value, unit, note, spark, before, tone="warn" if worse else "", delta=delta)


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


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100
