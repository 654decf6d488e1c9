"""One node socket from its Challenge to its close."""

import asyncio
import itertools
import os
import time
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg_pool import AsyncConnectionPool

from fleet.telemetry.core.frames import Incoming
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.admission import Admission, OpenStream, admit
from fleet.telemetry.gateway.answers import Receive, Send
from fleet.telemetry.gateway.closing import DATABASE_AWAY, Closing, Disconnected
from fleet.telemetry.gateway.hub import Hub
from fleet.telemetry.gateway.newest import Newest
from fleet.telemetry.gateway.outbox import Outbox
from fleet.telemetry.gateway.publisher import Feed, Publisher
from fleet.telemetry.gateway.reports import Refused, verify
from fleet.telemetry.gateway.store import Connection
from fleet.telemetry.gateway.writer import Writer
from muster.canon import signatures
from muster.clock import Clock
from muster.wire import envelope, messages
from muster.wire.errors import MalformedMessage, UnknownVersion
from muster.wire.messages import (
    Bye,
    Challenge,
    Frame,
    Hello,
    Inference,
    Message,
    Ping,
    Progress,
    Report,
    Sample,
    StreamState,
    Target,
    Welcome,
    Work,
)
from muster.wire.targets import Generation
from muster.wire.versions import MINOR, OLDEST_MINOR, TARGETS_SINCE

log = structlog.get_logger(__name__)

ABNORMAL = 1006  # the connection ended without a close frame (RFC 6455, 7.1.5)
OFFERED = list(range(OLDEST_MINOR, MINOR + 1))


@dataclass(frozen=True)
class Services:
    """What every socket of a gateway shares."""

    pool: AsyncConnectionPool[Connection]
    writer: Writer
    hub: Hub
    publisher: Publisher
    reports: Newest[Report]
    progress: Newest[Progress]
    key: Ed25519PrivateKey
    clock: Clock
    sample_interval_ms: int


class Session:
    """The gateway's end of one node socket.

    Two tasks run after the Welcome: one reads and queues frames, one sends what the
    outbox holds. Whatever ends either, or a call of `close`, ends the socket.
    """

    def __init__(self, services: Services, receive: Receive, send: Send) -> None:
        self.heard_at = time.monotonic()
        self.waiting = False  # this end is not reading: the queue is full
        self.refused = False
        self._services = services
        self._receive = receive
        self._send_event = send
        self._ids = itertools.count(1)
        self._minor = OLDEST_MINOR
        self._outbox = Outbox(services.clock)
        self._ended: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self._admission: Admission | None = None
        self._feed: Feed | None = None
        self._aimed: Generation | None = None  # of the newest target that this socket was given
        self._asked: int | None = None  # counter of the newest work that this socket was given
        self._reported = 0  # number of the last report

    @property
    def node(self) -> int:
        return self.admission.node

    @property
    def uid(self) -> str:
        return self.admission.uid

    @property
    def epoch(self) -> int:
        return self.admission.epoch

    @property
    def admission(self) -> Admission:
        """What the Hello proved; only asked for after it."""
        if self._admission is None:
            raise RuntimeError("the socket has not said Hello")
        return self._admission

    # What others tell this socket; none of these blocks.

    def close(self, code: int, reason: str, frame: tuple[str, int] | None = None) -> None:
        """End the socket with a Bye; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(Closing(code, reason, frame))

    def stored(self, boot: str, seq: int, refused: int) -> None:
        self._outbox.ack(boot, seq, refused)

    def superseded(self) -> None:
        self.close(messages.CLOSE_SUPERSEDED, "a newer connection of this node took over")

    def rejected(self, frame: Frame, reason: str) -> None:
        self.refused = True
        self.close(messages.CLOSE_MALFORMED, reason, (frame.boot, frame.seq))

    def publish(self, samples: list[Sample], inferences: list[Inference]) -> None:
        if self._feed is not None:
            self._services.publisher.offer(self._feed, samples, inferences)

    def wants(self, generation: Generation) -> bool:
        """Say whether a target of this generation is news here; an older agent knows none."""
        return self._minor >= TARGETS_SINCE and (self._aimed is None or generation > self._aimed)

    def aim(self, generation: Generation, target: Target) -> None:
        self._aimed = generation
        self._outbox.target(target)

    def wants_work(self, counter: int) -> bool:
        """Say whether work of this counter is news here; an older agent knows none."""
        return self._minor >= TARGETS_SINCE and (self._asked is None or counter > self._asked)

    def ask(self, counter: int, work: Work) -> None:
        self._asked = counter
        self._outbox.work(work)

    # The life of the socket.

    async def run(self) -> None:
        """Serve the socket to its end."""
        try:
            await self._greet()
            await self._serve()
        except Disconnected as end:
            self._log_end(end.code, "disconnected")
        except Closing as end:
            self._log_end(end.code, end.reason)
            await self._farewell(end)
        finally:
            if self._admission is not None:
                self._services.hub.remove(self)

    async def _greet(self) -> None:
        """Challenge, Hello, Welcome; on return the connection owns its node."""
        await self._expect_connect()
        challenge = os.urandom(32)
        await self._send(Challenge(challenge, OFFERED, self._services.clock()))
        hello = await self._hello()
        try:
            admission = await admit(self._services.pool, hello, challenge, OFFERED)
        except DATABASE_AWAY as error:
            raise Closing(messages.CLOSE_SLOW, "the database is away, try again") from error
        self._admission = admission
        self._minor = admission.minor
        self._feed = Feed(admission.uid, admission.epoch)
        self._services.hub.add(self)
        log.info("gateway.connected", node=admission.uid, epoch=admission.epoch, streams=len(admission.streams))
        await self._send(self._welcome(hello, admission))
        await self._find_documents()

    async def _find_documents(self) -> None:
        """Fetch what the node shall run and train; while the database is away the hub's poll stands in."""
        try:
            await self._services.hub.check([self.node])
        except DATABASE_AWAY as error:
            log.info("gateway.documents_later", node=self.uid, error=str(error).strip())

    async def _expect_connect(self) -> None:
        event = await self._receive()
        if event["type"] != "websocket.connect":
            raise Disconnected(event.get("code", ABNORMAL))
        await self._send_event({"type": "websocket.accept"})

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(limits.HELLO_TIMEOUT_S):
                message, _ = await self._read()
        except TimeoutError as error:
            raise Closing(messages.CLOSE_SILENT, "no Hello in time") from error
        if not isinstance(message, Hello):
            raise Closing(messages.CLOSE_UNAUTHENTICATED, "the first message must be a Hello")
        return message

    def _welcome(self, hello: Hello, admission: Admission) -> Welcome:
        now, interval = self._services.clock(), self._services.sample_interval_ms
        streams = [StreamState(boot, stream.acked_seq) for boot, stream in admission.streams.items()]
        body = Welcome.signed_part(hello.nonce, admission.uid, admission.minor, admission.epoch, now, interval, streams)
        signature = signatures.sign(self._services.key, signatures.SOCKET_WELCOME, body)
        return Welcome(admission.minor, admission.epoch, now, interval, streams, signature)

    async def _serve(self) -> None:
        """Read and send until one of them, or a call of `close`, ends the socket."""
        tasks = [asyncio.create_task(self._read_all()), asyncio.create_task(self._send_all())]
        ends_it: list[asyncio.Future[Any]] = [*tasks, self._ended]
        try:
            await asyncio.wait(ends_it, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        if self._ended.done():
            raise self._ended.result()
        raise next(end for end in ends if isinstance(end, Exception))  # a cancelled task's end is no Exception

    async def _read_all(self) -> None:
        while True:
            message, size = await self._read()
            self.heard_at = time.monotonic()
            if isinstance(message, Frame):
                await self._take(message, size)
            elif isinstance(message, Ping):
                self._outbox.pong(message.sent_at)
            elif isinstance(message, Report) and self._minor >= TARGETS_SINCE:
                self._report(message)
            elif isinstance(message, Progress) and self._minor >= TARGETS_SINCE:
                self._progress(message)
            else:
                raise Closing(messages.CLOSE_MALFORMED, f"{type(message).__name__} is not expected here")

    async def _take(self, frame: Frame, size: int) -> None:
        stream = self._check(frame)
        stream.last_seq = frame.seq
        admission = self.admission
        self.waiting = True
        await self._services.writer.put(
            Incoming(
                origin=self,
                stream=stream.id,
                node=admission.node,
                epoch=admission.epoch,
                live=frame.boot == admission.boot,
                frame=frame,
                received_at=self._services.clock(),
                size_bytes=size,
            )
        )
        self.waiting = False
        self.heard_at = time.monotonic()

    def _report(self, report: Report) -> None:
        """Pass a report on that is this node's own; it is stored apart from the frames."""
        own = self.admission
        try:
            verify(report, node=own.uid, boot=own.boot, last=self._reported, public_key=own.public_key)
        except signatures.SignatureError as error:
            raise Closing(messages.CLOSE_UNAUTHENTICATED, f"report: {error}") from error
        except Refused as error:
            raise Closing(messages.CLOSE_MALFORMED, str(error)) from error
        self._reported = report.number
        if not self._services.reports.put(own.node, own.epoch, report):
            raise Closing(messages.CLOSE_SLOW, "too many reports wait for the database, try again")

    def _progress(self, progress: Progress) -> None:
        """Pass on how far the node's tasks are; nothing is decided by it, so it needs no proof but the socket's."""
        if not self._services.progress.put(self.node, self.epoch, progress):
            raise Closing(messages.CLOSE_SLOW, "too much progress waits for the database, try again")

    def _check(self, frame: Frame) -> OpenStream:
        """Return the stream of a frame that fits the conversation; its fields the wire has bounded."""
        stream = self.admission.streams.get(frame.boot)
        if stream is None:
            raise Closing(messages.CLOSE_MALFORMED, "a frame of a boot that the Hello did not name")
        if frame.seq <= stream.last_seq:
            raise Closing(messages.CLOSE_MALFORMED, "sequences must rise")
        return stream

    async def _read(self) -> tuple[Message, int]:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise Disconnected(event.get("code", ABNORMAL))
        data = event.get("bytes")
        if data is None:
            raise Closing(messages.CLOSE_MALFORMED, "a text message")
        if len(data) > messages.MAX_MESSAGE_BYTES:
            raise Closing(messages.CLOSE_TOO_LARGE, f"more than {messages.MAX_MESSAGE_BYTES} bytes")
        try:
            return envelope.decode(data)[1], len(data)
        except UnknownVersion as error:
            raise Closing(messages.CLOSE_VERSION, str(error)) from error
        except MalformedMessage as error:
            raise Closing(messages.CLOSE_MALFORMED, str(error)) from error

    async def _send_all(self) -> None:
        while True:
            for message in await self._outbox.take():
                await self._send(message)

    async def _send(self, message: Message) -> None:
        data = envelope.encode(message, id=next(self._ids), at=self._services.clock(), minor=self._minor)
        try:
            async with asyncio.timeout(limits.SEND_TIMEOUT_S):
                await self._send_event({"type": "websocket.send", "bytes": data})
        except TimeoutError as error:
            raise Closing(messages.CLOSE_SLOW, "the other end does not read") from error
        except OSError as error:  # what the server raises for a peer that is gone
            raise Disconnected(ABNORMAL) from error

    async def _farewell(self, end: Closing) -> None:
        """Say why, then close; a peer that does not read is not waited for."""
        reason = end.reason.encode()[: limits.MAX_REASON_BYTES].decode(errors="ignore")
        try:
            await self._send(Bye(end.code, reason, *(end.frame or ())))
            async with asyncio.timeout(limits.SEND_TIMEOUT_S):
                await self._send_event({"type": "websocket.close", "code": end.code, "reason": reason})
        except (Closing, Disconnected, OSError, RuntimeError) as error:
            # The peer vanished between the decision and the Bye; the server drops the transport.
            log.debug("gateway.farewell_unheard", error=type(error).__name__)

    def _log_end(self, code: int, reason: str) -> None:
        admission = self._admission
        log.info("gateway.closed", node=admission and admission.uid, code=code, reason=reason)
