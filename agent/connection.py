"""Keeps the device connected: dials, talks until it fails, waits, dials again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agent import status
from agent.backoff import Backoff
from agent.channel import dial
from agent.clock import ServerClock
from agent.errors import LinkError, LinkRefused
from agent.handshake import Credentials, authenticate
from agent.session import Desk, Session
from agent.spool import Spool
from agent.status import Link
from muster.clock import now_us
from muster.wire.messages import (
    CLOSE_NOT_ACTIVE,
    CLOSE_SUPERSEDED,
    CLOSE_UNAUTHENTICATED,
    CLOSE_VERSION,
    Welcome,
)

# An approval should show within moments, and the answer costs the gateway one row.
NOT_ACTIVE_DELAY_S = 2.0
# Nothing here mends itself: somebody has to enrol anew or update the agent.
HOPELESS_DELAY_S = 30.0
# Once is a race with our own older connection; again and again is a second agent.
SUPERSEDED_DELAY_S = 1.0
SUPERSEDED_LIMIT_S = 30.0
SETTLED_AFTER_S = 60.0
# A frame that the server refused this often in a row is not sent any more. The second and the
# third time show that it was not the server's bad moment.
FRAME_REFUSALS = 3

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Outlook:
    """How a refusal is shown, and how long to wait before the next dial."""

    state: str
    delay_s: float
    advice: str = ""


_REFUSALS = {
    CLOSE_NOT_ACTIVE: Outlook(
        status.WAITING,
        NOT_ACTIVE_DELAY_S,
        "it begins once an operator approves or releases it; a retired node enrols anew",
    ),
    CLOSE_UNAUTHENTICATED: Outlook(status.REFUSED, HOPELESS_DELAY_S, "ask the operator, or enrol this device anew"),
    CLOSE_VERSION: Outlook(status.REFUSED, HOPELESS_DELAY_S, "install the agent that this server serves"),
}


class Connection:
    """The link to one gateway, for as long as the process runs."""

    def __init__(
        self,
        gateway_url: str,
        credentials: Credentials,
        spool: Spool,
        clock: ServerClock,
        on_interval: Callable[[float], None],
        *,
        desks: Sequence[Desk] = (),
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the link; nothing is dialled yet.

        Args:
            on_interval: called with the seconds between samples that the server wants.
            desks: take the server's targets and work, and give reports.
        """
        self._gateway_url = gateway_url
        self._credentials = credentials
        self._spool = spool
        self._clock = clock
        self._on_interval = on_interval
        self._desks = desks
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._monotonic = monotonic
        self._wake = asyncio.Event()
        self._good_at = self._welcomed_at = monotonic()
        self._superseded = 0
        self._refused_frame: tuple[str, int] | None = None
        self._refusals = 0
        self.link = Link(since_us=now_us())

    def wake(self) -> None:
        """Say that the spool holds a new frame."""
        self._wake.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            began = self._monotonic()
            try:
                await self._connect_once()
            except LinkError as error:
                await self._sleep(self._after(error, self._monotonic() - began))

    async def _connect_once(self) -> None:
        async with dial(self._gateway_url, self._clock) as channel:
            asked_us = self._clock.steady_us()
            welcome = await authenticate(channel, self._credentials, self._spool.boot, self._spool.states())
            self._welcomed(welcome, asked_us)
            await Session(channel, self._spool, self._clock, self._wake, self._acked, self._desks).run()

    def _welcomed(self, welcome: Welcome, asked_us: int) -> None:
        self._welcomed_at = self._monotonic()
        self._clock.observe(asked_us, welcome.at)
        for stream in welcome.streams:
            self._spool.acknowledge(stream.boot, stream.last_seq)
        self._on_interval(welcome.sample_interval_ms / 1_000)
        self._show(status.CONNECTED, "")
        log.info("connected gateway=%s epoch=%d", self._gateway_url, welcome.epoch)

    def _acked(self) -> None:
        """Call the connection good: not a Welcome proves that, only a frame that was stored."""
        self.link.last_ack_us = now_us()
        self._backoff.reset()
        self._good_at = self._monotonic()
        if self._good_at - self._welcomed_at > SETTLED_AFTER_S:
            self._superseded = 0

    def _after(self, error: LinkError, spent_s: float) -> float:
        """Show why the link is down and return the seconds until the next dial."""
        if isinstance(error, LinkRefused) and error.frame is not None:
            self._frame_refused(*error.frame)
        outlook = self._outlook(error, spent_s)
        message = f"{error}; {outlook.advice}" if outlook.advice else str(error)
        if self._show(outlook.state, message):
            log.warning("not connected: %s", message)
        return outlook.delay_s

    def _frame_refused(self, boot: str, seq: int) -> None:
        """Count how often the server refused this frame, and set it aside so that those behind it get through."""
        self._refusals = self._refusals + 1 if (boot, seq) == self._refused_frame else 1
        self._refused_frame = (boot, seq)
        if self._refusals >= FRAME_REFUSALS and self._spool.set_aside(boot, seq):
            log.error("set aside boot=%s seq=%d: the server cannot store this frame", boot, seq)

    def _outlook(self, error: LinkError, spent_s: float) -> Outlook:
        code = error.code if isinstance(error, LinkRefused) else None
        if code == CLOSE_SUPERSEDED:
            self._superseded += 1
            delay_s = min(SUPERSEDED_LIMIT_S, SUPERSEDED_DELAY_S * 2 ** min(self._superseded - 1, 8))
            advice = "another agent uses this identity: stop it, or enrol it as a node of its own"
            return Outlook(status.REFUSED, delay_s, advice)
        if code in _REFUSALS:
            return _REFUSALS[code]
        outage_s = self._monotonic() - self._good_at
        return Outlook(status.CONNECTING, self._backoff.next_delay_s(outage_s, spent_s))

    def _show(self, state: str, message: str) -> bool:
        return self.link.move(state, message, now_us())
