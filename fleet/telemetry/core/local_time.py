"""Times as charts want them: ISO texts in a person's zone, without an offset."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def iso(at_us: int, zone: ZoneInfo) -> str:
    """Return a moment (microseconds UTC) to the millisecond on the wall clock of `zone`.

    >>> iso(1_750_000_000_123_456, ZoneInfo("Asia/Shanghai"))
    '2025-06-15T23:06:40.123'
    """
    seconds, micros = divmod(at_us, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).astimezone(zone)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def zone(name: str) -> ZoneInfo:
    """Return a zone by name, UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
