"""Names and bounds of the hourly partitions of raw samples."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

HOUR_US = 3_600_000_000
AHEAD_HOURS = 48  # two days without a reconciler pass before a sample finds no partition
_NAME = re.compile(r"telemetry_sample_(\d{10})")


@dataclass(frozen=True, order=True)
class Partition:
    """One hour of samples: `start_us` ≤ at < `end_us`, microseconds UTC."""

    start_us: int

    @property
    def end_us(self) -> int:
        return self.start_us + HOUR_US

    @property
    def name(self) -> str:
        """Return the table's name.

        >>> Partition(1_750_000_000_000_000 // HOUR_US * HOUR_US).name
        'telemetry_sample_2025061515'
        """
        return f"telemetry_sample_{datetime.fromtimestamp(self.start_us / 1e6, UTC):%Y%m%d%H}"


def named(name: str) -> Partition | None:
    """Return the partition of a table's name, or None where the name is none of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    start = datetime.strptime(match[1], "%Y%m%d%H").replace(tzinfo=UTC)
    return Partition(int(start.timestamp()) * 1_000_000)


def wanted(now_us: int, raw_hours: int) -> list[Partition]:
    """Return the partitions that must exist now: those still kept, this hour's, and two days ahead."""
    hour = now_us // HOUR_US
    return [Partition(number * HOUR_US) for number in range(hour - raw_hours, hour + AHEAD_HOURS + 1)]


def expired(partition: Partition, now_us: int, raw_hours: int) -> bool:
    """Say whether every sample of `partition` is older than what is kept."""
    return partition.end_us <= now_us - raw_hours * HOUR_US
