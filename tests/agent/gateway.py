"""A gateway for the agent's tests: the server's side of `muster.wire` on a real socket, in memory."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from muster.canon.signatures import (
    NODE_REPORT,
    NODE_TARGET,
    NODE_WORK,
    SOCKET_HELLO,
    SOCKET_WELCOME,
    public_bytes,
    sign,
    verify,
)
from muster.wire import envelope
from muster.wire.messages import (
    CLOSE_MALFORMED,
    Ack,
    Bye,
    Challenge,
    Frame,
    Hello,
    Message,
    Ping,
    Pong,
    Progress,
    Report,
    StreamState,
    Target,
    Welcome,
    Work,
)
from muster.wire.targets import NodeTarget
from muster.wire.versions import MINOR, negotiate
from muster.wire.work import NodeWork
from tests.agent.artifacts import Artifacts, front
from tests.agent.intake import Intake


@dataclass
class Gateway:
    """Stores frames as the real gateway does: in order, each sequence once, acknowledged after.

    Attributes:
        cannot_store: sequences that are answered with a Bye that names them.
        ahead_us: how far this server's clock is ahead of the machine's.
        refuse: (code, reason) to say instead of a Welcome.
        acking: whether frames are acknowledged.
        answering: whether anything is answered after the Welcome.
        instead_of_answer: bytes or text to send in place of every Ack and Pong.
        bodies: encoded body of every stored frame, by boot and sequence.
        repeated: frames that came a second time with other bytes.
        minors: that it speaks.
        target: sent after every Welcome.
        reports: every report that came, its signature verified.
        artifacts: what it serves over HTTP on the same port; None serves nothing.
        work: sent after every Welcome.
        progress: every word of progress that came, with the moment on the loop's clock.
        intake: where updates go, beside artifacts.
    """

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    device_key: bytes = b""
    cannot_store: set[int] = field(default_factory=set)
    ahead_us: int = 0
    interval_ms: int = 100
    refuse: tuple[int, str] | None = None
    acking: bool = True
    answering: bool = True
    instead_of_answer: bytes | str | None = None
    epoch: int = 0
    port: int = 0
    hellos: list[Hello] = field(default_factory=list)
    bodies: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    repeated: list[tuple[str, int]] = field(default_factory=list)
    pings: list[Ping] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    sockets: set[ServerConnection] = field(default_factory=set)
    minors: list[int] = field(default_factory=lambda: [MINOR])
    target: Target | None = None
    reports: list[Report] = field(default_factory=list)
    artifacts: Artifacts | None = None
    work: Work | None = None
    progress: list[tuple[float, Progress]] = field(default_factory=list)
    intake: Intake | None = None
    conversations: set["_Conversation"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def public_key(self) -> bytes:
        return public_bytes(self.key)

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self.ahead_us

    def acked(self, boot: str) -> int:
        return max(self.bodies[boot], default=0)

    def frames(self, boot: str | None = None) -> list[Frame]:
        boots = [boot] if boot else list(self.bodies)
        return [
            envelope._strict["frame"].decode(body) for boot in boots for _, body in sorted(self.bodies[boot].items())
        ]

    @asynccontextmanager
    async def listen(self, port: int = 0) -> AsyncIterator["Gateway"]:
        front_port, port = (port, 0) if self.artifacts is not None else (0, port)
        async with serve(
            self._talk, "127.0.0.1", port, compression=None, close_timeout=0.2, ping_interval=None
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            if self.artifacts is None:
                yield self
                return
            behind = self.port
            async with front(self.artifacts, front_port, lambda: behind, self.intake) as self.port:
                yield self

    def signed(self, target: NodeTarget, key: Ed25519PrivateKey | None = None) -> Target:
        """Return a target as the server sends it, or as one does who holds another key."""
        document = target.document()
        return Target(document, sign(key or self.key, NODE_TARGET, document))

    async def push(self, target: NodeTarget | Target) -> None:
        """Make this the node's target and send it to whoever is connected."""
        self.target = self.signed(target) if isinstance(target, NodeTarget) else target
        for conversation in list(self.conversations):
            await conversation.send(self.target)

    def signed_work(self, work: NodeWork, key: Ed25519PrivateKey | None = None) -> Work:
        """Return work as the server sends it, or as one does who holds another key."""
        document = work.document()
        return Work(document, sign(key or self.key, NODE_WORK, document))

    async def assign(self, work: NodeWork | Work) -> None:
        """Make this the node's work and send it to whoever is connected."""
        self.work = self.signed_work(work) if isinstance(work, NodeWork) else work
        for conversation in list(self.conversations):
            await conversation.send(self.work)

    async def told(self, task: str, state: str, reason: str = "", timeout_s: float = 240.0, since: int = 0) -> Any:
        """Return the first word from index `since` on that a task stands so, waiting for it."""

        def words() -> list[Any]:
            told = [one for _, progress in self.progress[since:] for one in progress.tasks]
            return [one for one in told if (one.task, one.state, one.reason) == (task, state, reason)]

        await self.until(lambda: bool(words()), timeout_s)
        return words()[0]

    async def reported(self, condition: Callable[[Report], bool], timeout_s: float = 30.0, since: int = 0) -> Report:
        """Return the first report from index `since` on that meets the condition, waiting for it."""
        await self.until(lambda: any(map(condition, self.reports[since:])), timeout_s)
        return next(filter(condition, self.reports[since:]))

    async def until(self, condition: Callable[[], bool], timeout_s: float = 8.0) -> None:
        """Wait until something that arrived makes the condition true."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(condition)

    async def _talk(self, socket: ServerConnection) -> None:
        conversation = _Conversation(self, socket)
        self.sockets.add(socket)
        try:
            await conversation.run()
        except ConnectionClosed:
            return  # the device went away, which is what these tests are about
        finally:
            self.conversations.discard(conversation)
            self.sockets.discard(socket)

    async def _note(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class _Conversation:
    def __init__(self, gateway: Gateway, socket: ServerConnection) -> None:
        self.gateway = gateway
        self.socket = socket
        self.sent = 0
        self.ended = False

    async def run(self) -> None:
        assert self.socket.request is not None
        assert self.socket.request.path == "/node"
        if not await self._welcome():
            return
        handlers: dict[type[Message], Callable[[Any], Awaitable[None]]] = {
            Frame: self._frame,
            Ping: self._ping,
            Report: self._report,
            Progress: self._progress,
        }
        if self.gateway.target is not None:
            await self.send(self.gateway.target)
        if self.gateway.work is not None:
            await self.send(self.gateway.work)
        self.gateway.conversations.add(self)
        async for data in self.socket:
            assert isinstance(data, bytes)
            opened, message = envelope.decode(data)
            await handlers[envelope.TYPES[opened.type]](
                message if not isinstance(message, Frame) else (message, bytes(opened.body))
            )
            await self.gateway._note()
            if self.ended:
                return  # what lies behind in the socket is not looked at

    async def send(self, message: Message) -> None:
        self.sent += 1
        await self.socket.send(envelope.encode(message, id=self.sent, at=self.gateway.now_us()))

    async def _welcome(self) -> bool:
        gateway = self.gateway
        nonce = os.urandom(32)
        await self.send(Challenge(nonce, gateway.minors, gateway.now_us()))
        hello = envelope.decode(await self.socket.recv(decode=False))[1]
        assert isinstance(hello, Hello)
        body = Hello.signed_part(nonce, hello.node, hello.boot, hello.nonce, hello.minors, hello.streams)
        verify(gateway.device_key, SOCKET_HELLO, body, hello.signature)
        gateway.hellos.append(hello)
        await gateway._note()
        if gateway.refuse is not None:
            await self.send(Bye(*gateway.refuse))
            await self.socket.close(*gateway.refuse)
            return False
        gateway.epoch += 1
        streams = [StreamState(stream.boot, gateway.acked(stream.boot)) for stream in hello.streams]
        parts = (
            negotiate(hello.minors, newest=max(gateway.minors)),
            gateway.epoch,
            gateway.now_us(),
            gateway.interval_ms,
            streams,
        )
        signature = sign(gateway.key, SOCKET_WELCOME, Welcome.signed_part(hello.nonce, hello.node, *parts))
        await self.send(Welcome(*parts, signature))
        return True

    async def _frame(self, arrived: tuple[Frame, bytes]) -> None:
        frame, body = arrived
        if frame.seq in self.gateway.cannot_store:
            await self.send(Bye(CLOSE_MALFORMED, "the frame cannot be stored", frame.boot, frame.seq))
            await self.socket.close(CLOSE_MALFORMED)
            self.ended = True
            return
        stored = self.gateway.bodies[frame.boot]
        if stored.get(frame.seq, body) != body:
            self.gateway.repeated.append((frame.boot, frame.seq))
        stored[frame.seq] = body
        if self.gateway.instead_of_answer is not None:
            await self.socket.send(self.gateway.instead_of_answer)
        elif self.gateway.acking and self.gateway.answering:
            await self.send(Ack(frame.boot, self.gateway.acked(frame.boot)))

    async def _report(self, report: Report) -> None:
        verify(self.gateway.device_key, NODE_REPORT, report.signed_part(), report.signature)
        self.gateway.reports.append(report)

    async def _progress(self, progress: Progress) -> None:
        self.gateway.progress.append((asyncio.get_running_loop().time(), progress))

    async def _ping(self, ping: Ping) -> None:
        self.gateway.pings.append(ping)
        if self.gateway.instead_of_answer is not None:
            await self.socket.send(self.gateway.instead_of_answer)
        elif self.gateway.answering:
            await self.send(Pong(ping.sent_at, self.gateway.now_us()))
