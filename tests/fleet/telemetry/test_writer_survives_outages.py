"""Real outages: sessions ended from outside, locks held by another, a Redis that is not there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from fleet.telemetry.core.frames import Incoming
from fleet.telemetry.core.partitions import HOUR_US
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.app import make_partitions, open_pool
from fleet.telemetry.gateway.publisher import Feed, Publisher
from fleet.telemetry.gateway.writer import Writer
from fleet.telemetry.services.database import conninfo
from fleet.telemetry.services.sender import LiveSender
from muster.clock import now_us
from muster.wire.messages import Frame, Inference, Sample
from tests.fleet.telemetry.devices import Device, execute, frame, rows, sample

pytestmark = pytest.mark.usefixtures("tables")


@dataclass(eq=False)
class Origin:
    """A socket that only remembers what it is told."""

    refused: bool = False
    acks: list[tuple[int, int]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def stored(self, boot: str, seq: int, refused: int) -> None:
        self.acks.append((seq, refused))
        self.told.set()

    def superseded(self) -> None:
        self.ends.append("superseded")
        self.told.set()

    def rejected(self, frame: Frame, reason: str) -> None:
        self.refused = True
        self.ends.append(f"rejected {frame.seq}")
        self.told.set()

    def publish(self, samples: list[Sample], inferences: list[Inference]) -> None:
        """Nobody watches."""

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.acks) + len(self.ends) < count:
                self.told.clear()
                await self.told.wait()


@dataclass
class Bench:
    """A writer at work and a stream to feed it."""

    writer: Writer
    device: Device
    stream: int
    origin: Origin = field(default_factory=Origin)

    async def put(self, said: Frame, epoch: int = 1, origin: Origin | None = None) -> None:
        node = self.device.node.key
        await self.writer.put(Incoming(origin or self.origin, self.stream, node, epoch, True, said, now_us(), 100))


@contextlib.asynccontextmanager
async def working(device: Device, stream: int) -> AsyncIterator[Bench]:
    async with open_pool() as pool:
        writer = Writer(pool, lease=timedelta(seconds=6), raw_hours=6, make_partitions=make_partitions)
        task = asyncio.create_task(writer.run())
        try:
            yield Bench(writer, device, stream)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def stream(device: Device) -> int:
    query = """INSERT INTO telemetry_stream
        (node_id, boot, epoch, acked_seq, refused_samples, dropped_frames, opened_at)
        VALUES (%s, %s, 1, 0, 0, 0, now()) RETURNING id"""
    return rows(query, device.node.key, device.boot)[0][0]


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Another session on the same database."""
    with psycopg.connect(conninfo("other")) as connection:
        yield connection


def stored() -> list[int]:
    return [seq for (seq,) in rows("SELECT seq FROM telemetry_sample ORDER BY seq")]


def run(device: Device, stream: int, work: Any) -> Bench:
    async def main() -> Bench:
        async with working(device, stream) as bench:
            await work(bench)
            return bench

    return asyncio.run(main())


def test_a_sequence_that_is_stored_is_acknowledged_again_and_not_stored_twice(device: Device, stream: int) -> None:
    async def work(bench: Bench) -> None:
        await bench.put(frame(device.boot, 1))
        await bench.put(frame(device.boot, 1))
        await bench.put(frame(device.boot, 2))
        await bench.origin.wait_for(3)
        await bench.put(frame(device.boot, 1))
        await bench.origin.wait_for(4)

    bench = run(device, stream, work)
    assert bench.origin.acks == [(1, 0), (1, 0), (2, 0), (2, 0)]
    assert stored() == [1, 2]


def test_a_stale_epoch_stores_nothing_and_ends_its_socket(device: Device, stream: int) -> None:
    async def work(bench: Bench) -> None:
        rows_before = bench.writer.queued
        await bench.put(frame(device.boot, 1), epoch=0)
        await bench.origin.wait_for(1)
        assert bench.writer.queued == rows_before

    bench = run(device, stream, work)
    assert (bench.origin.acks, bench.origin.ends) == ([], ["superseded"])
    assert stored() == []
    assert rows("SELECT count(*) FROM registry_presence") == [(0,)]


def test_readings_outside_the_kept_window_are_refused_and_counted(device: Device, stream: int) -> None:
    now = now_us()
    old, ahead = now - 6 * HOUR_US - 60_000_000, now + limits.FUTURE_TOLERANCE_US + 60_000_000

    async def work(bench: Bench) -> None:
        await bench.put(frame(device.boot, 1, sample(old), sample(now), sample(ahead)))
        await bench.put(frame(device.boot, 2, sample(old)))
        await bench.origin.wait_for(2)

    bench = run(device, stream, work)
    assert bench.origin.acks == [(1, 2), (2, 1)]
    assert rows("SELECT at FROM telemetry_sample") == [(now,)]
    assert rows("SELECT acked_seq, refused_samples FROM telemetry_stream") == [(2, 3)]


def test_the_presence_carries_the_last_reading_and_a_lease(device: Device, stream: int) -> None:
    async def work(bench: Bench) -> None:
        await bench.put(frame(device.boot, 1, sample(cpu=0.1), sample(cpu=0.9), waiting=4, dropped=2))
        await bench.origin.wait_for(1)

    run(device, stream, work)
    query = (
        "SELECT cpu, waiting_frames, dropped_frames, epoch, expires_at > now(), seen_at <= now() FROM registry_presence"
    )
    assert rows(query) == [(0.9, 4, 2, 1, True, True)]


def test_a_crash_between_copy_and_commit_stores_nothing_then_everything_once(
    device: Device, stream: int, other: psycopg.Connection[Any]
) -> None:
    """The presence row is held by another session, so the writer stands behind its COPY when its session is ended."""
    other.execute(
        "INSERT INTO registry_presence (node_id, epoch, waiting_frames, dropped_frames, liveness) "
        "VALUES (%s, 1, 0, 0, 'offline')",
        [device.node.key],
    )

    async def work(bench: Bench) -> None:
        await bench.put(frame(device.boot, 1))
        victim = await asyncio.to_thread(_blocked, other)
        assert bench.origin.acks == []
        other.execute("SELECT pg_terminate_backend(%s)", [victim])
        await asyncio.to_thread(_blocked, other, victim)  # it tries again with another session, and nothing was stored
        assert stored_by(other) == 0
        assert bench.origin.acks == []
        other.rollback()
        await bench.origin.wait_for(1)

    bench = run(device, stream, work)
    assert bench.origin.acks == [(1, 0)]
    assert bench.writer.counts.retries >= 1
    assert stored() == [1]


def stored_by(other: psycopg.Connection[Any]) -> int:
    row = other.execute("SELECT count(*) FROM telemetry_sample").fetchone()
    assert row is not None
    return int(row[0])


def _blocked(other: psycopg.Connection[Any], but: int = 0) -> int:
    """Wait until another session than `but` waits for ours, and return its number."""
    query = "SELECT pid FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)) AND pid <> %s"
    for _ in range(2000):
        found = other.execute(query, [but]).fetchone()
        other.execute("SELECT pg_stat_clear_snapshot()")
        if found is not None:
            return int(found[0])
        other.execute("SELECT pg_sleep(0.005)")
    raise AssertionError("nobody waits")


def test_while_the_database_is_away_the_queue_is_bounded_and_nothing_is_lost(
    device: Device, stream: int, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BATCH_FRAMES", 10)
    monkeypatch.setattr(limits, "MAX_QUEUED_FRAMES", 20)
    other.execute("LOCK TABLE telemetry_stream IN ACCESS EXCLUSIVE MODE")

    async def work(bench: Bench) -> None:
        async def feed() -> None:
            for seq in range(1, 101):
                await bench.put(frame(device.boot, seq))

        feeding = asyncio.create_task(feed())
        await asyncio.to_thread(_blocked, other)
        assert bench.writer.queued <= 20
        assert not feeding.done()  # the reading of sockets stands still
        assert bench.origin.acks == []
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'muster-gateway' AND datname = current_database()"
        )
        other.rollback()
        await feeding
        await bench.origin.wait_for(100)

    run(device, stream, work)
    assert stored() == list(range(1, 101))


@pytest.fixture
def picky(tables: None) -> Iterator[None]:
    """The database refuses a load of 100: it stands for whatever a later check may miss."""
    execute("ALTER TABLE telemetry_sample ADD CONSTRAINT picky CHECK (load1 < 100)")
    yield
    execute("ALTER TABLE telemetry_sample DROP CONSTRAINT picky")


@pytest.mark.usefixtures("picky")
def test_a_frame_that_the_database_refuses_does_not_stop_other_sockets(device: Device, stream: int) -> None:
    other = Origin()

    async def work(bench: Bench) -> None:
        await bench.put(frame(device.boot, 1))
        await bench.put(frame(device.boot, 2, sample(load1=100.0)))
        await bench.put(frame(device.boot, 2), origin=other)
        await bench.origin.wait_for(2)
        await other.wait_for(1)

    bench = run(device, stream, work)
    assert bench.origin.ends == ["rejected 2"]
    assert other.acks == [(2, 0)]
    assert stored() == [1, 2]


@pytest.mark.usefixtures("picky")
def test_nothing_behind_a_refused_frame_is_acknowledged_over_it(device: Device, stream: int) -> None:
    async def work(bench: Bench) -> None:
        for seq, load in enumerate((0.5, 100.0, 0.5, 0.5), start=1):
            await bench.put(frame(device.boot, seq, sample(load1=load)))
        await bench.origin.wait_for(2)
        await bench.put(frame(device.boot, 5))
        await bench.put(frame(device.boot, 2), origin=(later := Origin()))  # the next connection tries it again
        await later.wait_for(1)

    bench = run(device, stream, work)
    assert bench.origin.acks == [(1, 0)]
    assert stored() == [1, 2]


def test_missing_partitions_are_made_when_a_reading_needs_them(device: Device, stream: int) -> None:
    for (name,) in rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'telemetry_sample'::regclass"
    ):
        execute(f"DROP TABLE {name}")

    async def work(bench: Bench) -> None:
        await bench.put(frame(device.boot, 1))
        await bench.origin.wait_for(1)

    run(device, stream, work)
    assert stored() == [1]


class AwayLayer:
    """A channel layer at whose border Redis is away until it is told otherwise."""

    def __init__(self) -> None:
        self.away = True
        self.sent: list[dict[str, Any]] = []
        self.tried = asyncio.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.tried.set()
        if self.away:
            raise ConnectionRefusedError
        self.sent.append(message)


async def test_without_redis_publishing_is_counted_and_recovers_with_a_gap() -> None:
    layer = AwayLayer()
    publisher = Publisher(LiveSender(layer))
    task = asyncio.create_task(publisher.run())
    feed = Feed("uid", epoch=3)
    for away in (True, False):
        layer.away = away
        layer.tried.clear()
        publisher.offer(feed, [sample()])
        async with asyncio.timeout(5):
            await layer.tried.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert publisher.failures == 1
    assert [message["seq"] for message in layer.sent] == [2]  # 1 was lost: the reader sees the gap


def test_old_readings_are_announced_as_a_gap_and_not_pushed() -> None:
    feed = Feed("uid", epoch=3)
    feed.add([sample(10), sample(100)], oldest_us=50)
    message = feed.take(at=200)
    assert message["seq"] == 2
    assert [shown["at"] for shown in message["data"]["samples"]] == [100]


def test_readings_past_the_bound_are_announced_as_a_gap() -> None:
    feed = Feed("uid", epoch=3)
    feed.add([sample(at) for at in range(limits.MAX_LIVE_SAMPLES + 5)], oldest_us=0)
    message = feed.take(at=200)
    assert message["seq"] == 2
    assert len(message["data"]["samples"]) == limits.MAX_LIVE_SAMPLES
    assert message["data"]["samples"][-1]["at"] == limits.MAX_LIVE_SAMPLES + 4
