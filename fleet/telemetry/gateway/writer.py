"""The one writer of a gateway process: gathers what all sockets bring, stores it, then lets it be acknowledged."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import structlog
from psycopg import errors
from psycopg_pool import AsyncConnectionPool

from fleet.telemetry.core.frames import Incoming, Origin, Plan, Window
from fleet.telemetry.core.partitions import HOUR_US
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.backoff import Backoff
from fleet.telemetry.gateway.closing import DATABASE_AWAY
from fleet.telemetry.gateway.store import Connection, store
from muster.clock import Clock, now_us
from muster.wire.messages import Inference, Sample

log = structlog.get_logger(__name__)


@dataclass
class Counts:
    """What this writer did since its start."""

    frames: int = 0
    samples: int = 0
    inferences: int = 0
    batches: int = 0
    retries: int = 0
    seconds: float = 0.0  # spent in transactions


class Writer:
    """Stores frames in batches; whoever puts one waits while the queue is full.

    Args:
        pool: connections for the transactions.
        lease: how long a stored frame keeps its node online.
        raw_hours: age in hours beyond which a reading is refused.
        make_partitions: called when a reading finds no partition; says whether it could.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[Connection],
        *,
        lease: timedelta,
        raw_hours: int,
        make_partitions: Callable[[], Awaitable[bool]],
        clock: Clock = now_us,
    ) -> None:
        self.counts = Counts()
        self._pool = pool
        self._lease = lease
        self._raw_hours = raw_hours
        self._make_partitions = make_partitions
        self._clock = clock
        self._queue: deque[Incoming] = deque()
        self._queued_bytes = 0
        self._oldest: float = 0.0  # monotonic time at which the head of the queue came
        self._some = asyncio.Event()  # at least one frame waits
        self._batchful = asyncio.Event()  # a whole batch waits
        self._room = asyncio.Event()
        self._room.set()

    @property
    def queued(self) -> int:
        return len(self._queue)

    async def put(self, item: Incoming) -> None:
        """Queue a frame; waits while the queue is full, which stops the reading of its socket."""
        while not self._room.is_set():
            await self._room.wait()
        if not self._queue:
            self._oldest = time.monotonic()
        self._queue.append(item)
        self._queued_bytes += item.size_bytes
        self._signal()

    async def run(self) -> None:
        """Store batches until cancelled. What is still queued then was never acknowledged."""
        while True:
            await self._gather()
            await self._keep(self._take())

    async def _gather(self) -> None:
        await self._some.wait()
        patience = self._oldest + limits.BATCH_DELAY_S - time.monotonic()
        if patience > 0:
            try:
                await asyncio.wait_for(self._batchful.wait(), patience)
            except TimeoutError:
                return  # the delay is over: a small batch

    def _take(self) -> list[Incoming]:
        batch: list[Incoming] = []
        size = 0
        while self._queue and len(batch) < limits.BATCH_FRAMES and size < limits.BATCH_BYTES:
            item = self._queue.popleft()
            size += item.size_bytes
            batch.append(item)
        self._queued_bytes -= size
        self._signal()
        return batch

    def _signal(self) -> None:
        frames, size = len(self._queue), self._queued_bytes
        _set(self._some, frames > 0)
        _set(self._batchful, frames >= limits.BATCH_FRAMES or size >= limits.BATCH_BYTES)
        _set(self._room, frames < limits.MAX_QUEUED_FRAMES and size < limits.MAX_QUEUED_BYTES)

    async def _keep(self, batch: list[Incoming]) -> None:
        """Store a batch however long the database is away; a frame it can never hold is cut out alone."""
        backoff = Backoff()
        partitions_made = False
        while True:
            try:
                decided = await self._transact(batch)
            except errors.CheckViolation:
                if partitions_made:
                    return await self._cut(batch, "no partition holds the reading")
                partitions_made = await self._make_partitions()
                if not partitions_made:
                    await backoff.wait()
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                return await self._cut(batch, str(error).strip())
            except DATABASE_AWAY as error:
                self.counts.retries += 1
                if backoff.failures == 0:
                    log.warning("writer.database_away", error=str(error).strip(), frames=len(batch))
                await backoff.wait()
            else:
                if backoff.failures:
                    log.info("writer.database_back", retries=backoff.failures, queued=self.queued)
                return _tell(decided)

    async def _transact(self, batch: list[Incoming]) -> Plan:
        batch = [item for item in batch if not item.origin.refused]
        if not batch:
            return Plan()
        now = self._clock()
        window = Window(now - self._raw_hours * HOUR_US, now + limits.FUTURE_TOLERANCE_US)
        started = time.perf_counter()
        async with self._pool.connection() as connection:
            decided = await store(connection, batch, window, self._lease)
        self.counts.seconds += time.perf_counter() - started
        self.counts.batches += 1
        self.counts.frames += len(decided.known)
        self.counts.samples += len(decided.rows)
        self.counts.inferences += len(decided.inference_rows)
        return decided

    async def _cut(self, batch: list[Incoming], reason: str) -> None:
        """Halve a batch that the database refuses until the frame at fault stands alone, and reject that one."""
        if len(batch) == 1:
            log.error("writer.frame_rejected", node=batch[0].node, seq=batch[0].frame.seq, reason=reason)
            batch[0].origin.rejected(batch[0].frame, "the frame cannot be stored")
            return
        middle = len(batch) // 2
        await self._keep(batch[:middle])
        await self._keep(batch[middle:])


def _tell(decided: Plan) -> None:
    """Pass on what is committed: acknowledgements, live readings, and the end of superseded sockets."""
    for item, seq, refused in decided.known:
        item.origin.stored(item.frame.boot, seq, refused)
    fresh: defaultdict[Origin, tuple[list[Sample], list[Inference]]] = defaultdict(lambda: ([], []))
    for item, samples, inferences in decided.fresh:
        together = fresh[item.origin]
        together[0].extend(samples)
        together[1].extend(inferences)
    for origin, (samples, inferences) in fresh.items():
        origin.publish(samples, inferences)
    for item in decided.stale:
        item.origin.superseded()


def _set(event: asyncio.Event, wanted: bool) -> None:
    if wanted:
        event.set()
    else:
        event.clear()
