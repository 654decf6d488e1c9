"""The one transaction that stores a batch of frames."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg

from fleet.telemetry.core.frames import Incoming, Plan, Present, StreamRow, Window, plan

# Every transaction locks rows in the order (node, stream), so that no two wait for each other.
LOCK = "SELECT id, epoch, acked_seq FROM telemetry_stream WHERE id = ANY(%s) ORDER BY node_id, id FOR UPDATE"

COLUMNS = "node, at, received_at, stream, seq, cpu, memory_used_bytes, load1, rtt_us, temperature_c, battery"
TYPES = ["int8", "int8", "int8", "int8", "int8", "float8", "int8", "float8", "int4", "float8", "float8"]
COPY = f"COPY telemetry_sample ({COLUMNS}) FROM STDIN (FORMAT BINARY)"

INFERENCE_COLUMNS = "node, at, received_at, stream, seq, shard, requests, errors, total_us, least_us, most_us, local"
INFERENCE_TYPES = ["int8", "int8", "int8", "int8", "int8", "int8", "int4", "int4", "int8", "int4", "int4", "bool"]
INFERENCE_COPY = f"COPY telemetry_inference ({INFERENCE_COLUMNS}) FROM STDIN (FORMAT BINARY)"

ADVANCE = """
UPDATE telemetry_stream AS s
SET acked_seq = v.seq, refused_samples = s.refused_samples + v.refused, dropped_frames = v.dropped
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS v(id, epoch, seq, refused, dropped)
WHERE s.id = v.id AND s.epoch = v.epoch
"""

# Figures move only with a reading of the live boot; the lease moves with every frame of the newest connection.
FIGURES = (
    "cpu",
    "memory_used_bytes",
    "load1",
    "rtt_us",
    "temperature_c",
    "battery",
    "waiting_frames",
    "dropped_frames",
)
KEEP_OR_TAKE = ", ".join(
    f"{name} = CASE WHEN EXCLUDED.sampled_at IS NULL THEN p.{name} ELSE EXCLUDED.{name} END" for name in FIGURES
)
# What a node answered is kept with its own time: it may be asked seldom, and then most readings carry nothing.
PRESENT = f"""
INSERT INTO registry_presence AS p (node_id, epoch, seen_at, expires_at, sampled_at, {", ".join(FIGURES)}, liveness,
    inference_at, inference_us)
SELECT v.node, v.epoch, CASE WHEN v.sampled_at IS NOT NULL THEN clock_timestamp() END, clock_timestamp() + %(lease)s,
    to_timestamp(v.sampled_at / 1e6), v.cpu, v.memory, v.load1, v.rtt, v.temperature, v.battery, v.waiting, v.dropped,
    'offline', to_timestamp(v.answered_at / 1e6), v.mean_us
FROM unnest(%(node)s::bigint[], %(epoch)s::bigint[], %(sampled_at)s::bigint[], %(cpu)s::float8[], %(memory)s::bigint[],
    %(load1)s::float8[], %(rtt)s::int[], %(temperature)s::float8[], %(battery)s::float8[], %(waiting)s::int[],
    %(dropped)s::bigint[], %(answered_at)s::bigint[], %(mean_us)s::int[])
    AS v(node, epoch, sampled_at, cpu, memory, load1, rtt, temperature, battery, waiting, dropped, answered_at, mean_us)
ORDER BY v.node
ON CONFLICT (node_id) DO UPDATE SET epoch = EXCLUDED.epoch, expires_at = EXCLUDED.expires_at,
    seen_at = COALESCE(EXCLUDED.seen_at, p.seen_at), sampled_at = COALESCE(EXCLUDED.sampled_at, p.sampled_at),
    inference_at = COALESCE(EXCLUDED.inference_at, p.inference_at),
    inference_us = COALESCE(EXCLUDED.inference_us, p.inference_us),
    {KEEP_OR_TAKE}
WHERE p.epoch <= EXCLUDED.epoch
"""  # noqa: S608  (built from the names above alone)

Connection = psycopg.AsyncConnection[Any]


async def store(connection: Connection, batch: list[Incoming], window: Window, lease: timedelta) -> Plan:
    """Store what of `batch` is new and return what was decided; committed when this returns.

    1. Lock the streams, so that what is already stored cannot change under us.
    2. Decide on each frame.
    3. COPY the readings and what was answered between them, advance the streams, move the leases.
    """
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.execute(LOCK, [list({item.stream for item in batch})])
        streams = {stream: StreamRow(epoch, acked) for stream, epoch, acked in await cursor.fetchall()}
        decided = plan(batch, streams, window)
        if decided.rows:
            await _copy(cursor, COPY, TYPES, decided.rows)
        if decided.inference_rows:
            await _copy(cursor, INFERENCE_COPY, INFERENCE_TYPES, decided.inference_rows)
        if decided.advances:
            await cursor.execute(ADVANCE, _advances(decided))
        if decided.present:
            await cursor.execute(PRESENT, {**_present(decided.present), "lease": lease})
    return decided


async def _copy(cursor: psycopg.AsyncCursor[Any], statement: str, types: list[str], rows: Sequence[Any]) -> None:
    async with cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            await copy.write_row(row)


def _advances(decided: Plan) -> list[list[int]]:
    moves = decided.advances
    return [
        list(moves),
        [move.epoch for move in moves.values()],
        [move.seq for move in moves.values()],
        [move.refused for move in moves.values()],
        [move.dropped for move in moves.values()],
    ]


def _present(nodes: dict[int, Present]) -> dict[str, list[Any]]:
    rows = nodes.values()
    samples = [row.sample for row in rows]
    return {
        "node": list(nodes),
        "epoch": [row.epoch for row in rows],
        "sampled_at": [sample and sample.at for sample in samples],
        "cpu": [sample and sample.cpu for sample in samples],
        "memory": [sample and sample.memory_used_bytes for sample in samples],
        "load1": [sample and sample.load1 for sample in samples],
        "rtt": [sample and sample.rtt_us for sample in samples],
        "temperature": [sample and sample.temperature_c for sample in samples],
        "battery": [sample and sample.battery for sample in samples],
        "waiting": [row.waiting for row in rows],
        "dropped": [row.dropped for row in rows],
        "answered_at": [row.answered and row.answered.at for row in rows],
        "mean_us": [row.answered and row.answered.mean_us for row in rows],
    }
