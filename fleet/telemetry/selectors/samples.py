"""Reads raw samples straight into arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from psycopg import sql

from fleet.telemetry.models import Sample

COLUMNS = ("cpu", "memory_used_bytes", "load1", "rtt_us", "temperature_c", "battery")

# COPY's binary form: a header, then for each row its number of fields and each field behind its length.
HEADER_BYTES = 19
TRAILER_BYTES = 2


@dataclass(frozen=True)
class Series:
    """Readings of one node in order of time; a column is NaN where the device had no value."""

    at: npt.NDArray[np.int64]  # (N,) microseconds UTC
    columns: dict[str, npt.NDArray[np.float64]]  # (N,) each


def series(node: int, start_us: int, end_us: int, columns: tuple[str, ...] = COLUMNS) -> Series:
    """Return the readings of the node with key `node`, `start_us` ≤ at < `end_us`.

    Every field is made eight bytes wide and never null, so that the whole answer is one
    array of records: six hours of a device at 1 Hz take about 10 ms.
    """
    fields = [sql.SQL("coalesce({}::float8, 'NaN')").format(sql.Identifier(name)) for name in columns]
    query = sql.SQL(
        "COPY (SELECT {} FROM telemetry_sample WHERE node = {} AND at >= {} AND at < {} ORDER BY at)"
        " TO STDOUT (FORMAT BINARY)"
    ).format(sql.SQL(", ").join([sql.SQL("at"), *fields]), node, start_us, end_us)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        data = b"".join(copy)
    record = np.dtype(
        [("fields", ">i2"), ("at_bytes", ">i4"), ("at", ">i8")]
        + [part for name in columns for part in ((f"{name}_bytes", ">i4"), (name, ">f8"))]
    )
    rows = np.frombuffer(data[HEADER_BYTES:-TRAILER_BYTES], dtype=record)
    return Series(rows["at"].astype(np.int64), {name: rows[name].astype(np.float64) for name in columns})


def listed(node: int, start_us: int, end_us: int, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` readings as they are stored, oldest first."""
    rows = Sample.objects.filter(node=node, at__gte=start_us, at__lt=end_us).order_by("at", "seq")
    return list(rows.values("at", "received_at", "seq", *COLUMNS)[:limit])


def stored_by_second(nodes: list[int], start_us: int, end_us: int) -> npt.NDArray[np.int64]:
    """Return how many readings of these nodes each second of the span holds, gaps as zero."""
    query = """
        SELECT (at - %(start)s) / 1000000, count(*) FROM telemetry_sample
        WHERE node = ANY(%(nodes)s) AND at >= %(start)s AND at < %(end)s GROUP BY 1
    """
    counts = np.zeros((end_us - start_us) // 1_000_000, np.int64)
    with connection.cursor() as cursor:
        cursor.execute(query, {"nodes": nodes, "start": start_us, "end": end_us})
        for second, count in cursor.fetchall():
            counts[second] = count
    return counts
