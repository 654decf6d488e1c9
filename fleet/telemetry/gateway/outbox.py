"""What one socket is still to be told: bounded, because only the newest acknowledgement, target and work count."""

import asyncio
from collections import deque

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.closing import Closing
from muster.clock import Clock
from muster.wire import messages
from muster.wire.messages import Ack, Message, Pong, Target, Work


class Outbox:
    """A few pongs, acknowledgements by boot, one target and one piece of work, in the order in which they are sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._acks: dict[str, tuple[int, int]] = {}
        self._pings: deque[int] = deque()
        self._target: Target | None = None
        self._work: Work | None = None
        self._some = asyncio.Event()

    def ack(self, boot: str, seq: int, refused: int) -> None:
        """Note that everything of `boot` up to `seq` is stored, save `refused` more readings."""
        known, before = self._acks.get(boot, (0, 0))
        self._acks[boot] = (max(seq, known), before + refused)
        self._some.set()

    def pong(self, sent_at: int) -> None:
        """Note a ping to answer; Closing where the peer pings without reading."""
        if len(self._pings) >= limits.MAX_PONGS:
            raise Closing(messages.CLOSE_SLOW, "pings faster than it reads")
        self._pings.append(sent_at)
        self._some.set()

    def target(self, target: Target) -> None:
        """Note the newest target; one before it that was not sent yet no longer counts."""
        self._target = target
        self._some.set()

    def work(self, work: Work) -> None:
        """Note the newest work; what was to be said before it no longer counts."""
        self._work = work
        self._some.set()

    async def take(self) -> list[Message]:
        """Wait for something to say and return all of it."""
        await self._some.wait()
        self._some.clear()
        pongs: list[Message] = [Pong(sent_at, self._clock()) for sent_at in self._pings]
        acks: list[Message] = [Ack(boot, seq, refused) for boot, (seq, refused) in self._acks.items()]
        documents: list[Message] = [said for said in (self._target, self._work) if said is not None]
        self._pings.clear()
        self._acks.clear()
        self._target = self._work = None
        return pongs + acks + documents
