"""Reports of nodes on their way into the database: apart from the frames, in threads, the newest of each node alone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

import structlog
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.backoff import Backoff
from muster.canon import signatures
from muster.wire.messages import Report

log = structlog.get_logger(__name__)

AWAY = (OperationalError, InterfaceError, PoolTimeout)  # what passes, as Django and its pool say it


class Refused(ValueError):
    """A report that is not this connection's, or not signed by its node."""


class Accept(Protocol):
    """The service that stores a verified report; False where a newer one is known already."""

    def __call__(self, *, node_key: int, epoch: int, report: Report) -> bool: ...


def verify(report: Report, *, node: str, boot: str, last: int, public_key: bytes) -> None:
    """Raise unless `report` is the next one of this node's running boot, signed by its identity key.

    Args:
        last: number of the report before on this connection, 0 where there was none.

    Raises:
        Refused: of another node or boot, or out of order.
        SignatureError: not signed by `public_key`.
    """
    if report.node != node or report.boot != boot:
        raise Refused("a report of another node or boot")
    if report.number <= last:
        raise Refused("the numbers of reports must rise")
    signatures.verify(public_key, signatures.NODE_REPORT, report.signed_part(), report.signature)


class Reports:
    """Hands reports to the service that stores them; a newer report of a node replaces one that still waits.

    A node's reports are stored one after the other. While the database is away they wait
    here, and neither a socket nor the writer of frames waits for them.
    """

    def __init__(self, accept: Accept, release: Callable[[], None]) -> None:
        """Prepare the queue.

        Args:
            release: called in the storing thread after each report; gives its database connection back.
        """
        self.stored = 0
        self.lost = 0  # those that the service could not take for another reason than an outage
        self._accept = accept
        self._release = release
        self._waiting: dict[int, tuple[int, Report]] = {}  # epoch and report by node
        self._busy: set[int] = set()
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, node: int, epoch: int, report: Report) -> bool:
        """Note a verified report; False where too many nodes wait already. Never blocks."""
        waiting = self._waiting.get(node)
        if waiting is None and len(self._waiting) >= limits.MAX_PENDING_REPORTS:
            return False
        if waiting is None or waiting[0] <= epoch:
            self._waiting[node] = (epoch, report)
            self._some.set()
        return True

    async def run(self) -> None:
        """Store reports until cancelled. What waits then is said again: devices report at least once a minute."""
        with ThreadPoolExecutor(limits.REPORT_THREADS, thread_name_prefix="reports") as threads:
            async with asyncio.TaskGroup() as workers:
                for _ in range(limits.REPORT_THREADS):
                    workers.create_task(self._work(threads))

    async def _work(self, threads: ThreadPoolExecutor) -> None:
        backoff = Backoff()
        while True:
            node = await self._next()
            epoch, report = self._waiting.pop(node)
            error = await self._store(threads, node, epoch, report)
            if isinstance(error, AWAY):
                self._waiting.setdefault(node, (epoch, report))  # unless a newer one came meanwhile
                if backoff.failures == 0:
                    log.warning("reports.database_away", error=str(error).strip(), waiting=len(self))
                await backoff.wait()
            else:
                backoff.reset()
                self._count(node, error)
            self._busy.discard(node)
            self._some.set()

    async def _next(self) -> int:
        """Wait for a node whose report may be stored now, and take it."""
        while True:
            for node in self._waiting:
                if node not in self._busy:
                    self._busy.add(node)
                    return node
            self._some.clear()
            await self._some.wait()

    async def _store(self, threads: ThreadPoolExecutor, node: int, epoch: int, report: Report) -> BaseException | None:
        """Store one report in a thread and return what went wrong."""
        work = partial(self._in_thread, node, epoch, report)
        future = asyncio.get_running_loop().run_in_executor(threads, work)
        (result,) = await asyncio.gather(future, return_exceptions=True)
        return result

    def _in_thread(self, node: int, epoch: int, report: Report) -> None:
        try:
            self._accept(node_key=node, epoch=epoch, report=report)
        finally:
            self._release()

    def _count(self, node: int, error: BaseException | None) -> None:
        if error is None:
            self.stored += 1
            return
        self.lost += 1  # a fault of the service must not end the gateway: this report goes, the next is tried anew
        log.error("reports.not_stored", node=node, exc_info=error)
