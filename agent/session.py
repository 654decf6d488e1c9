"""One authenticated connection: frames out, acknowledgements in, and a watch on the silence."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from agent.channel import Channel
from agent.clock import ServerClock
from agent.errors import BadGateway, LinkError, LinkRefused, LinkSilent
from agent.spool import Cursor, Spool
from muster.wire.messages import PING_INTERVAL_S, Ack, Bye, Message, Ping, Pong

# Frames on their way at most. At ten commits a second this sends a backlog at 2 560 frames
# a second, an hour of samples in a second and a half, and keeps the gateway's queue short.
WINDOW_FRAMES = 256
SILENCE_S = 3 * PING_INTERVAL_S  # three pings without any answer
WATCH_INTERVAL_S = 0.25
# A watch that was itself this late says that this process stood still, not the gateway.
STOPPED_S = 1.5
DESKS_SINCE_MINOR = 1  # an older gateway sends no target and no work, and takes no report

log = logging.getLogger(__name__)


class InFlight:
    """Frames that were sent on this connection and are not acknowledged."""

    def __init__(self) -> None:
        self._by_boot: dict[str, deque[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, boot: str, seq: int) -> None:
        """Count one sent frame."""
        self._by_boot.setdefault(boot, deque()).append(seq)
        self._count += 1

    def acknowledge(self, boot: str, seq: int) -> None:
        """Take off everything of `boot` up to `seq`."""
        sent = self._by_boot.get(boot, deque())
        while sent and sent[0] <= seq:
            sent.popleft()
            self._count -= 1


class Desk(Protocol):
    """Where the server's documents of one kind go, and what the device answers to them comes from."""

    @property
    def takes(self) -> type[Message]: ...

    def offer(self, message: Any) -> None: ...

    def connected(self) -> None: ...

    def disconnected(self) -> None: ...

    async def next_report(self) -> Message: ...


class Session:
    """Runs an authenticated channel until it ends, which it always does with a LinkError."""

    def __init__(
        self,
        channel: Channel,
        spool: Spool,
        clock: ServerClock,
        wake: asyncio.Event,
        on_ack: Callable[[], None],
        desks: Sequence[Desk] = (),
    ) -> None:
        """Prepare a session.

        Args:
            wake: set by whoever appends to the spool.
            on_ack: called for every acknowledgement.
            desks: take targets and work and give reports; what none of them takes is out of turn.
        """
        self._channel = channel
        self._spool = spool
        self._clock = clock
        self._wake = wake
        self._on_ack = on_ack
        self._desks = desks if channel.minor >= DESKS_SINCE_MINOR else ()
        self._in_flight = InFlight()
        self._pings_unanswered = 0
        self._heard_at = 0.0

    async def run(self) -> None:
        """Send, receive, ping and watch until one of them fails.

        Raises:
            LinkError: the reason.
        """
        self._heard_at = self._now()
        reasons: list[LinkError] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._receive, self._send, self._ping, self._watch):
                    tasks.create_task(work())
                for desk in self._desks:
                    tasks.create_task(self._report(desk))
        except* LinkError as group:
            reasons = [error for error in group.exceptions if isinstance(error, LinkError)]
        # What the gateway said tells more than what we noticed of it.
        raise min(reasons, key=lambda error: not isinstance(error, LinkRefused))

    async def _send(self) -> None:
        cursor = Cursor(self._spool)
        while True:
            self._wake.clear()
            frames = cursor.take(WINDOW_FRAMES - len(self._in_flight))
            for frame in frames:
                self._in_flight.add(frame.boot, frame.seq)
                await self._channel.send_body("frame", frame.body)
            if not frames:
                await self._wake.wait()

    async def _receive(self) -> None:
        while True:
            message = await self._channel.receive()
            self._heard_at = self._now()
            self._pings_unanswered = 0
            match message:
                case Ack():
                    self._acknowledge(message)
                case Pong():
                    self._clock.observe(message.sent_at, message.at)
                case Bye(code, reason, boot, seq):
                    raise LinkRefused(code, reason, None if boot is None or seq is None else (boot, seq))
                case _:
                    self._hand_over(message)

    def _hand_over(self, message: Message) -> None:
        for desk in self._desks:
            if isinstance(message, desk.takes):
                desk.offer(message)
                return
        raise BadGateway(f"the gateway sent {type(message).__name__}, which is not its to send now")

    def _acknowledge(self, ack: Ack) -> None:
        if ack.refused:
            log.warning("samples refused boot=%s seq=%d refused=%d", ack.boot, ack.seq, ack.refused)
        self._spool.acknowledge(ack.boot, ack.seq)
        self._in_flight.acknowledge(ack.boot, ack.seq)
        self._on_ack()
        self._wake.set()

    async def _report(self, desk: Desk) -> None:
        desk.connected()
        try:
            while True:
                await self._channel.send(await desk.next_report())
        finally:
            desk.disconnected()

    async def _ping(self) -> None:
        while True:
            self._pings_unanswered += 1
            await self._channel.send(Ping(self._clock.steady_us()))
            await asyncio.sleep(PING_INTERVAL_S)

    async def _watch(self) -> None:
        ticked_at = self._now()
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            now = self._now()
            if now - ticked_at > STOPPED_S:
                self._heard_at = now  # answers may lie unread in the socket
            ticked_at = now
            if self._pings_unanswered and now - self._heard_at > SILENCE_S:
                self._channel.abort()
                raise LinkSilent(f"nothing came from the gateway for {SILENCE_S:g} s")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
