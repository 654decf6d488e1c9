"""The gateway as a plain ASGI application.

    /node        node sockets
    /artifacts   what nodes fetch
    /updates     what nodes have learned
    /healthz

Everything else is unknown here.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import OperationalError, connection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from fleet.registry.services import blobs
from fleet.registry.services.progress import progress
from fleet.registry.services.reports import accept
from fleet.telemetry.gateway import artifacts
from fleet.telemetry.gateway.answers import Receive, Scope, Send, respond
from fleet.telemetry.gateway.artifacts import Artifacts
from fleet.telemetry.gateway.blob_reader import BlobReader
from fleet.telemetry.gateway.gate import Gate
from fleet.telemetry.gateway.hub import Hub
from fleet.telemetry.gateway.newest import Newest
from fleet.telemetry.gateway.publisher import Publisher
from fleet.telemetry.gateway.session import Services, Session
from fleet.telemetry.gateway.store import Connection
from fleet.telemetry.gateway.updates import Updates
from fleet.telemetry.gateway.writer import Writer
from fleet.telemetry.services import database, partitions
from fleet.telemetry.services.sender import LiveSender
from fleet.trust.services import server_key
from muster.clock import now_us
from muster.wire.messages import Progress, Report

log = structlog.get_logger(__name__)

NODE_PATH = "/node"
HEALTH_PATH = "/healthz"


@sync_to_async
def make_partitions() -> bool:
    """Reconcile the partitions; False while the database is away."""
    try:
        partitions.reconcile()
    except (OperationalError, PoolTimeout) as error:
        log.warning("gateway.partitions_later", error=str(error).strip())
        return False
    finally:
        connection.close()
    return True


class Gateway:
    """One gateway process: its pool, its writer and its sockets."""

    def __init__(self) -> None:
        self._services: Services | None = None
        self._artifacts: Artifacts | None = None
        self._updates: Updates | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["path"] == NODE_PATH and self._services is not None:
            await Session(self._services, receive, send).run()
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before accept: the server answers 403

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        """Open the pool and start the tasks; the database may still be away, it is waited for."""
        pool = await stack.enter_async_context(open_pool())
        services = self._services = _services(pool)
        reader = BlobReader(blobs.store())
        stack.callback(reader.close)
        gate = Gate(pool, now_us)
        self._artifacts = Artifacts(gate, reader)
        self._updates = Updates(gate)
        stack.callback(self._updates.close)
        await make_partitions()  # where the database is away the writer asks again
        for name, work in (
            ("writer", services.writer.run()),
            ("publisher", services.publisher.run()),
            ("sweep", services.hub.sweep()),
            ("poll", services.hub.poll()),
            ("hints", services.hub.listen()),
            ("follow", services.hub.follow()),
            ("reports", services.reports.run()),
            ("progress", services.progress.run()),
        ):
            self._spawn(name, work)
        stack.push_async_callback(self._stop)
        log.info("gateway.started")

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_end_with)
        self._tasks.append(task)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.remove_done_callback(_end_with)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._artifacts is not None and scope["path"].startswith(artifacts.PREFIX):
            await self._artifacts.serve(scope, receive, send)
        elif self._updates is not None and Updates.owns(scope["path"]):
            await self._updates.serve(scope, receive, send)
        elif self._services is not None and scope["path"] == HEALTH_PATH:
            await respond(send, 200, self._health(self._services, self._artifacts, self._updates))
        else:
            await respond(send, 404, {"code": "not_found"})

    @staticmethod
    def _health(services: Services, transfers: Artifacts | None, handovers: Updates | None) -> dict[str, Any]:
        return {
            "status": "ok",
            "sockets": len(services.hub),
            "queued_frames": services.writer.queued,
            **vars(services.writer.counts),
            "publish_failures": services.publisher.failures,
            "reports": services.reports.stored,
            "queued_reports": len(services.reports),
            "lost_reports": services.reports.lost,
            "progress": services.progress.stored,
            "queued_progress": len(services.progress),
            "lost_progress": services.progress.lost,
            "transfers": 0 if transfers is None else len(transfers),
            "artifact_bytes": 0 if transfers is None else transfers.bytes_sent,
            "handovers": 0 if handovers is None else len(handovers),
            "update_bytes": 0 if handovers is None else handovers.bytes_received,
        }


def open_pool() -> AsyncConnectionPool[Connection]:
    """Return the gateway's own pool, to be entered; a connection is looked at before it is lent."""
    return AsyncConnectionPool(
        database.conninfo("muster-gateway"),
        min_size=2,
        max_size=8,
        timeout=5,
        open=False,
        kwargs={"autocommit": True, "options": database.GATEWAY_OPTIONS},
        check=AsyncConnectionPool.check_connection,
        name="gateway",
    )


def _services(pool: AsyncConnectionPool[Connection]) -> Services:
    writer = Writer(
        pool,
        lease=timedelta(seconds=settings.MUSTER_LEASE_SECONDS),
        raw_hours=settings.MUSTER_RAW_HOURS,
        make_partitions=make_partitions,
    )
    return Services(
        pool=pool,
        writer=writer,
        hub=Hub(pool, settings.MUSTER_REDIS_URL),
        publisher=Publisher(LiveSender(get_channel_layer())),
        reports=Newest("reports", _accept, _release),
        progress=Newest("progress", _note, _release),
        key=server_key.load(),
        clock=now_us,
        sample_interval_ms=settings.MUSTER_SAMPLE_INTERVAL_MS,
    )


def _accept(node: int, epoch: int, report: Report) -> None:
    accept(node_key=node, epoch=epoch, report=report)


def _note(node: int, epoch: int, message: Progress) -> None:
    progress(node_key=node, message=message)


def _release() -> None:
    """Give back the connection of the thread that calls; `connection.close` itself would be bound to this one's."""
    connection.close()


def _end_with(task: asyncio.Task[None]) -> None:
    """End the process when one of its tasks fails: a gateway without its writer must be restarted, not half alive."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("gateway.task_failed", task=task.get_name(), exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def create_application() -> Gateway:
    """Return the application that the server runs; nothing is opened before its lifespan begins."""
    return Gateway()
