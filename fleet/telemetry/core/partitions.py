"""Names and bounds of the hourly partitions of raw readings."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

HOUR_US = 3_600_000_000
AHEAD_HOURS = 48  # two days without a reconciler pass before a reading finds no partition
TABLES = ("telemetry_sample", "telemetry_inference")
_NAME = re.compile(rf"({'|'.join(TABLES)})_(\d{{10}})")


@dataclass(frozen=True, order=True)
class Partition:
    """One hour of one table: `start_us` ≤ at < `end_us`, microseconds UTC."""

    start_us: int
    table: str = TABLES[0]

    @property
    def end_us(self) -> int:
        return self.start_us + HOUR_US

    @property
    def name(self) -> str:
        """Return the partition's own name.

        >>> Partition(1_750_000_000_000_000 // HOUR_US * HOUR_US).name
        'telemetry_sample_2025061515'
        """
        return f"{self.table}_{datetime.fromtimestamp(self.start_us / 1e6, UTC):%Y%m%d%H}"


def named(name: str) -> Partition | None:
    """Return the partition of a table's name, or None where the name is none of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    start = datetime.strptime(match[2], "%Y%m%d%H").replace(tzinfo=UTC)
    return Partition(int(start.timestamp()) * 1_000_000, match[1])


def wanted(now_us: int, raw_hours: int) -> list[Partition]:
    """Return the partitions that must exist now: those still kept, this hour's, and two days ahead, of each table."""
    hour = now_us // HOUR_US
    hours = range(hour - raw_hours, hour + AHEAD_HOURS + 1)
    return [Partition(number * HOUR_US, table) for table in TABLES for number in hours]


def expired(partition: Partition, now_us: int, raw_hours: int) -> bool:
    """Say whether every reading of `partition` is older than what is kept."""
    return partition.end_us <= now_us - raw_hours * HOUR_US
