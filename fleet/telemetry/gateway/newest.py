"""What nodes say on its way into the database: apart from the frames, in threads, the newest of each node alone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

import structlog
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.backoff import Backoff
from muster.wire.messages import Message

log = structlog.get_logger(__name__)

AWAY = (OperationalError, InterfaceError, PoolTimeout)  # what passes, as Django and its pool say it

Said = TypeVar("Said", bound=Message)


class Newest(Generic[Said]):
    """Hands messages to the service that stores them; a newer one of a node replaces one that still waits.

    A node's messages are stored one after the other. While the database is away they wait
    here, and neither a socket nor the writer of frames waits for them.
    """

    def __init__(self, name: str, store: Callable[[int, int, Said], object], release: Callable[[], None]) -> None:
        """Prepare the queue.

        Args:
            name: what the messages are, for the log.
            store: takes the node's key, the connection's epoch and the message.
            release: called in the storing thread after each message; gives its database connection back.
        """
        self.stored = 0
        self.lost = 0  # those that the service could not take for another reason than an outage
        self._name = name
        self._deliver = store
        self._release = release
        self._waiting: dict[int, tuple[int, Said]] = {}  # epoch and message by node
        self._busy: set[int] = set()
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, node: int, epoch: int, message: Said) -> bool:
        """Note a message; False where too many nodes wait already. Never blocks."""
        waiting = self._waiting.get(node)
        if waiting is None and len(self._waiting) >= limits.MAX_PENDING_REPORTS:
            return False
        if waiting is None or waiting[0] <= epoch:
            self._waiting[node] = (epoch, message)
            self._some.set()
        return True

    async def run(self) -> None:
        """Store messages until cancelled. What waits then is said again by its node."""
        with ThreadPoolExecutor(limits.REPORT_THREADS, thread_name_prefix=self._name) as threads:
            async with asyncio.TaskGroup() as workers:
                for _ in range(limits.REPORT_THREADS):
                    workers.create_task(self._work(threads))

    async def _work(self, threads: ThreadPoolExecutor) -> None:
        backoff = Backoff()
        while True:
            node = await self._next()
            epoch, message = self._waiting.pop(node)
            error = await self._store(threads, node, epoch, message)
            if isinstance(error, AWAY):
                self._waiting.setdefault(node, (epoch, message))  # unless a newer one came meanwhile
                if backoff.failures == 0:
                    log.warning(f"{self._name}.database_away", error=str(error).strip(), waiting=len(self))
                await backoff.wait()
            else:
                backoff.reset()
                self._count(node, error)
            self._busy.discard(node)
            self._some.set()

    async def _next(self) -> int:
        """Wait for a node whose message may be stored now, and take it."""
        while True:
            for node in self._waiting:
                if node not in self._busy:
                    self._busy.add(node)
                    return node
            self._some.clear()
            await self._some.wait()

    async def _store(self, threads: ThreadPoolExecutor, node: int, epoch: int, message: Said) -> BaseException | None:
        """Store one message in a thread and return what went wrong."""
        work = partial(self._in_thread, node, epoch, message)
        future = asyncio.get_running_loop().run_in_executor(threads, work)
        (result,) = await asyncio.gather(future, return_exceptions=True)
        return result if isinstance(result, BaseException) else None

    def _in_thread(self, node: int, epoch: int, message: Said) -> None:
        try:
            self._deliver(node, epoch, message)
        finally:
            self._release()

    def _count(self, node: int, error: BaseException | None) -> None:
        if error is None:
            self.stored += 1
            return
        self.lost += 1  # a fault of the service must not end the gateway: this one goes, the next is tried anew
        log.error(f"{self._name}.not_stored", node=node, exc_info=error)
