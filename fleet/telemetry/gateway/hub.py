"""The live sockets of a gateway process, and what ends them from outside."""

import asyncio
import time
import uuid
from typing import Protocol

import redis
import structlog
from psycopg_pool import AsyncConnectionPool
from redis import asyncio as aioredis

from fleet.registry.core.node_states import NodeState
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.backoff import Backoff
from fleet.telemetry.gateway.closing import DATABASE_AWAY
from fleet.telemetry.gateway.store import Connection
from muster.wire import messages

log = structlog.get_logger(__name__)

HINTS = "muster:nodes"  # carries the uid of a node whose state has moved

STANDING = """
SELECT n.key, n.state, COALESCE(p.epoch, 0)
FROM registry_node AS n LEFT JOIN registry_presence AS p ON p.node_id = n.key
WHERE n.key = ANY(%s)
"""
KEY = "SELECT key FROM registry_node WHERE uid = %s"


class Socket(Protocol):
    """A node socket as the hub sees it."""

    heard_at: float
    waiting: bool

    @property
    def node(self) -> int: ...

    @property
    def epoch(self) -> int: ...

    def close(self, code: int, reason: str) -> None: ...

    def superseded(self) -> None: ...


class Hub:
    """Knows the newest socket of each node and closes those that may not stay."""

    def __init__(self, pool: AsyncConnectionPool[Connection], redis_url: str) -> None:
        self._pool = pool
        self._redis_url = redis_url
        self._sockets: dict[int, Socket] = {}

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: Socket) -> None:
        """Take a socket in; the older one of the same node ends."""
        older = self._sockets.get(socket.node)
        if older is not None and older.epoch > socket.epoch:
            socket.superseded()
            return
        if older is not None:
            older.superseded()
        self._sockets[socket.node] = socket

    def remove(self, socket: Socket) -> None:
        if self._sockets.get(socket.node) is socket:
            del self._sockets[socket.node]

    async def sweep(self) -> None:
        """Close sockets that have been silent for too long, until cancelled."""
        while True:
            await asyncio.sleep(limits.SWEEP_S)
            deadline = time.monotonic() - limits.SILENCE_S
            for socket in list(self._sockets.values()):
                if socket.heard_at < deadline and not socket.waiting:
                    socket.close(messages.CLOSE_SILENT, f"silent for {limits.SILENCE_S:.0f} s")

    async def poll(self) -> None:
        """Compare all live sockets with the database every few seconds, until cancelled."""
        away = False
        while True:
            await asyncio.sleep(limits.POLL_S)
            try:
                await self.check(list(self._sockets))
            except DATABASE_AWAY as error:
                if not away:
                    log.warning("hub.database_away", error=str(error).strip())
                away = True
            else:
                away = False

    async def listen(self) -> None:
        """Check a node as soon as a hint names it, until cancelled; without Redis the poll finds it."""
        backoff = Backoff()
        while True:
            client = aioredis.from_url(self._redis_url, socket_timeout=None, socket_connect_timeout=5)
            try:
                async with client, client.pubsub() as hints:
                    await hints.subscribe(HINTS)
                    backoff.reset()
                    async for message in hints.listen():
                        if message["type"] == "message":
                            await self._hinted(message["data"])
            except (redis.RedisError, OSError, *DATABASE_AWAY) as error:
                if backoff.failures == 0:
                    log.warning("hub.hints_away", error=str(error).strip())
                await backoff.wait()

    async def check(self, nodes: list[int]) -> None:
        """Close the sockets of those nodes that left `active`, or that a newer connection owns."""
        if not nodes:
            return
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(STANDING, [nodes])).fetchall()
        standing = {key: (state, epoch) for key, state, epoch in rows}
        for node in nodes:
            socket = self._sockets.get(node)
            state, epoch = standing.get(node, (NodeState.RETIRED.value, 0))
            if socket is None:
                continue
            if state != NodeState.ACTIVE:
                socket.close(messages.CLOSE_NOT_ACTIVE, f"the node is {state}")
            elif epoch > socket.epoch:
                socket.superseded()

    async def _hinted(self, data: bytes) -> None:
        try:
            uid = uuid.UUID(data.decode())
        except ValueError:
            log.warning("hub.hint_malformed")
            return
        async with self._pool.connection() as connection:
            row = await (await connection.execute(KEY, [uid])).fetchone()
        if row is not None and row[0] in self._sockets:
            await self.check([row[0]])
