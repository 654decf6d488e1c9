"""Keeps the figures of each site over time."""

from datetime import UTC, datetime, timedelta

from fleet.telemetry.core.site_figures import SiteFigures
from fleet.telemetry.models import FleetFigure

STEP = timedelta(seconds=10)
KEPT = timedelta(days=7)


def slot(now_us: int) -> datetime:
    """Return the beginning of the step that holds a moment (microseconds UTC)."""
    step = int(STEP.total_seconds())
    return datetime.fromtimestamp(now_us // 1_000_000 // step * step, UTC)


def record(figures: list[SiteFigures], at: datetime) -> None:
    """Store one row for each site; a second record of the same step changes nothing."""
    rows = [
        FleetFigure(
            at=at,
            site_id=site.site,
            nodes=site.nodes,
            online=site.online,
            rtt_p50_us=site.rtt_p50_us,
            rtt_p95_us=site.rtt_p95_us,
            inference_nodes=site.inference_nodes,
            inference_p50_us=site.inference_p50_us,
            inference_p95_us=site.inference_p95_us,
            cpu_mean=site.cpu_mean,
            memory_used_bytes=site.memory_used_bytes,
        )
        for site in figures
    ]
    FleetFigure.objects.bulk_create(rows, ignore_conflicts=True)


def prune(now: datetime) -> int:
    """Delete what is past a week; return how many rows went."""
    deleted, _ = FleetFigure.objects.filter(at__lt=now - KEPT).delete()
    return deleted
