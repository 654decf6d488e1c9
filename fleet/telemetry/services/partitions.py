"""Keeps the hourly partitions of raw readings: two days ahead, and none past retention."""

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg import sql

from fleet.telemetry.core.partitions import TABLES, Partition, expired, named, wanted
from muster.clock import now_us

log = structlog.get_logger(__name__)

# Any process may reconcile; two at once would only block each other on the table.
LOCK_KEY = 0x6D757374_70617274  # "mustpart"
LOCK_TIMEOUT = "2s"  # the writer holds a table for milliseconds; a long reader is waited for next time
CHILDREN = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY(%s::regclass[])"


@dataclass(frozen=True)
class Reconciled:
    created: list[str]
    dropped: list[str]


def reconcile(now: int | None = None) -> Reconciled:
    """Create the partitions that are wanted and missing, drop those past retention.

    Safe to run at any time and by several at once: one works, the others find
    nothing left to do. A table that is busy is left for the next run.

    Args:
        now: microseconds UTC, the clock's by default.
    """
    now = now_us() if now is None else now
    created = _create(now)
    dropped = [partition.name for partition in _expired(now) if _drop(partition)]
    if created or dropped:
        log.info("partitions.reconciled", created=len(created), dropped=len(dropped))
    return Reconciled(created, dropped)


def _create(now: int) -> list[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        existing = _existing()
        missing = [partition for partition in wanted(now, settings.MUSTER_RAW_HOURS) if partition not in existing]
        for partition in missing:
            # Made apart and then attached: PARTITION OF would shut readers and the writer out meanwhile.
            own, whole = sql.Identifier(partition.name), sql.Identifier(partition.table)
            cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE {} INCLUDING ALL)").format(own, whole))
            cursor.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                    whole, own, sql.Literal(partition.start_us), sql.Literal(partition.end_us)
                )
            )
    return [partition.name for partition in missing]


def _drop(partition: Partition) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(partition.name)))
    except OperationalError as error:
        log.warning("partitions.busy", partition=partition.name, error=str(error).strip())
        return False
    return True


def _expired(now: int) -> list[Partition]:
    return [partition for partition in sorted(_existing()) if expired(partition, now, settings.MUSTER_RAW_HOURS)]


def _existing() -> set[Partition]:
    with connection.cursor() as cursor:
        cursor.execute(CHILDREN, [list(TABLES)])
        return {partition for (name,) in cursor.fetchall() if (partition := named(name)) is not None}
