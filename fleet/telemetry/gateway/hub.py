"""The live sockets of a gateway process: what ends them from outside, what they shall run and train."""

import asyncio
import time
from collections.abc import Iterator
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
from muster.canon.signatures import Signature
from muster.wire import messages
from muster.wire.messages import Target, Work
from muster.wire.targets import Generation

log = structlog.get_logger(__name__)

HINTS = "muster:nodes"  # carries the uid of a node whose state, target or work has moved

STANDING = """
SELECT n.key, n.state, COALESCE(p.epoch, 0), t.release_epoch, t.counter, w.counter
FROM registry_node AS n LEFT JOIN registry_presence AS p ON p.node_id = n.key
    LEFT JOIN registry_nodetarget AS t ON t.node_id = n.key
    LEFT JOIN registry_nodework AS w ON w.node_id = n.key
WHERE n.key = ANY(%s)
"""
TARGETS = """
SELECT node_id, release_epoch, counter, document, signature_algorithm, signature_key_id, signature_value
FROM registry_nodetarget WHERE node_id = ANY(%s)
"""

WORK = """
SELECT node_id, counter, document, signature_algorithm, signature_key_id, signature_value
FROM registry_nodework WHERE node_id = ANY(%s)
"""

GONE = (NodeState.RETIRED.value, 0, None, None, None)  # what the standing of a node that is no more would be


class Socket(Protocol):
    """A node socket as the hub sees it."""

    heard_at: float
    waiting: bool

    @property
    def node(self) -> int: ...

    @property
    def uid(self) -> str: ...

    @property
    def epoch(self) -> int: ...

    def close(self, code: int, reason: str) -> None: ...

    def superseded(self) -> None: ...

    def wants(self, generation: Generation) -> bool: ...

    def aim(self, generation: Generation, target: Target) -> None: ...

    def wants_work(self, counter: int) -> bool: ...

    def ask(self, counter: int, work: Work) -> None: ...


class Hub:
    """Knows the newest socket of each node, closes those that may not stay and passes new targets on."""

    def __init__(self, pool: AsyncConnectionPool[Connection], redis_url: str) -> None:
        self._pool = pool
        self._redis_url = redis_url
        self._sockets: dict[int, Socket] = {}
        self._keys: dict[str, int] = {}  # of the nodes above, by uid
        self._hinted: set[int] = set()
        self._hint = asyncio.Event()

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
        self._keys[socket.uid] = socket.node

    def remove(self, socket: Socket) -> None:
        if self._sockets.get(socket.node) is socket:
            del self._sockets[socket.node]
            del self._keys[socket.uid]

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
        """Note the nodes that hints name, until cancelled; without Redis the poll finds them."""
        backoff = Backoff()
        while True:
            client = aioredis.from_url(self._redis_url, socket_timeout=None, socket_connect_timeout=5)
            try:
                async with client, client.pubsub() as hints:
                    await hints.subscribe(HINTS)
                    backoff.reset()
                    async for message in hints.listen():
                        if message["type"] == "message":
                            self._note(message["data"])
            except (redis.RedisError, OSError) as error:
                if backoff.failures == 0:
                    log.warning("hub.hints_away", error=str(error).strip())
                await backoff.wait()

    async def follow(self) -> None:
        """Check hinted nodes at once, those that were named meanwhile together, until cancelled."""
        while True:
            await self._hint.wait()
            self._hint.clear()
            nodes, self._hinted = list(self._hinted), set()
            try:
                await self.check(nodes)
            except DATABASE_AWAY as error:
                log.info("hub.hints_later", error=str(error).strip())  # the poll looks at every socket again

    async def check(self, nodes: list[int]) -> None:
        """Close the sockets of those nodes that may not stay, and tell the others of a newer target or newer work."""
        if not nodes:
            return
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(STANDING, [nodes])).fetchall()
        standing = {row[0]: row[1:] for row in rows}
        behind_target, behind_work = [], []
        for node in nodes:
            state, epoch, release_epoch, target, work = standing.get(node, GONE)
            socket = self._staying(node, state, epoch)
            if socket is None:
                continue
            if release_epoch is not None and socket.wants((release_epoch, target)):
                behind_target.append(node)
            if work is not None and socket.wants_work(work):
                behind_work.append(node)
        for some in _batches(behind_target):
            await self._aim(some)
        for some in _batches(behind_work):
            await self._ask(some)

    def _staying(self, node: int, state: str, epoch: int) -> Socket | None:
        """Return a node's socket; close it where its state or a newer connection demands it."""
        socket = self._sockets.get(node)
        if socket is None:
            return None
        if state != NodeState.ACTIVE:
            socket.close(messages.CLOSE_NOT_ACTIVE, f"the node is {state}")
        elif epoch > socket.epoch:
            socket.superseded()
        else:
            return socket
        return None

    async def _aim(self, nodes: list[int]) -> None:
        """Give the nodes' sockets the newest targets."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(TARGETS, [nodes])).fetchall()
        for node, release_epoch, counter, document, algorithm, key_id, value in rows:
            socket, generation = self._sockets.get(node), (release_epoch, counter)
            if socket is not None and socket.wants(generation):
                signature = Signature(algorithm, key_id, bytes(value))
                socket.aim(generation, Target(bytes(document), signature))

    async def _ask(self, nodes: list[int]) -> None:
        """Give the nodes' sockets the newest work."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(WORK, [nodes])).fetchall()
        for node, counter, document, algorithm, key_id, value in rows:
            socket = self._sockets.get(node)
            if socket is not None and socket.wants_work(counter):
                signature = Signature(algorithm, key_id, bytes(value))
                socket.ask(counter, Work(bytes(document), signature))

    def _note(self, data: bytes) -> None:
        key = self._keys.get(data.decode(errors="replace"))
        if key is not None:  # most nodes of a large fleet are at another gateway
            self._hinted.add(key)
            self._hint.set()


def _batches(nodes: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(nodes), limits.DOCUMENTS_AT_ONCE):
        yield nodes[start : start + limits.DOCUMENTS_AT_ONCE]
