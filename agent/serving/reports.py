"""Signed reports: one at each change, one after each Welcome, and one a minute."""

import asyncio
from collections import deque
from typing import Any

import msgspec

from agent.clock import ServerClock
from agent.handshake import Credentials
from agent.serving.state import State
from muster.canon.signatures import NODE_REPORT, Signature, sign
from muster.wire.messages import Report
from muster.wire.targets import Reason

INTERVAL_S = 60.0
PROGRESS_INTERVAL_S = 0.25  # while nothing but the number of bytes changes
# What went wrong while nobody listened and was mended since: the newest are still told.
WAITING_REPORTS = 16
DETAIL_CHARACTERS = 300

_UNSIGNED = Signature("", "", b"")


class Reporter:
    """Turns the state into reports, in the order in which things happened."""

    def __init__(self, state: State, credentials: Credentials, boot: str, clock: ServerClock) -> None:
        self._state = state
        self._credentials = credentials
        self._boot = boot
        self._clock = clock
        self._number = 0
        self._waiting: deque[Report] = deque(maxlen=WAITING_REPORTS)
        self._told: Any = None
        self._wake = asyncio.Event()
        self._listening = False
        self._due_at = 0.0
        self._sent_at = 0.0

    def connected(self) -> None:
        """Say that a gateway listens: what it missed comes first, then how things are now."""
        self._listening = True
        self._waiting.append(self._signed(self._draft()))

    def disconnected(self) -> None:
        """Say that nobody listens any more."""
        self._listening = False

    def changed(self) -> None:
        """Report how things are now, unless that was told already."""
        draft = self._draft()
        content = _content(draft)
        if content == self._told:
            return
        self._told = content
        if self._listening or draft.reason != Reason.NONE:
            self._waiting.append(self._signed(draft))
            self._wake.set()

    def progressed(self) -> None:
        """Report soon that more bytes are here."""
        self._due_at = min(self._due_at, self._sent_at + PROGRESS_INTERVAL_S)
        self._wake.set()

    async def next(self) -> Report:
        """Return the next report once it is due."""
        while not self._waiting:
            self._wake.clear()
            wait_s = self._due_at - self._state.now()
            if wait_s <= 0:
                self._waiting.append(self._signed(self._draft()))
                break
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue
        report = self._waiting.popleft()
        self._sent_at = self._state.now()
        self._due_at = self._sent_at + INTERVAL_S
        return report

    def _draft(self) -> Report:
        """Return how things are now, without a number and a signature."""
        state = self._state
        failure = state.failure() or state.notice
        detail = failure.detail if failure else "; ".join(state.notes)
        return Report(
            node=self._credentials.node,
            boot=self._boot,
            number=1,
            at=self._clock.now_us(),
            generation=state.wanted.generation if state.wanted else None,
            serving=state.live.generation if state.live and state.live.shards else None,
            state=state.word(),
            reason=failure.reason if failure else Reason.NONE,
            detail=detail[:DETAIL_CHARACTERS],
            shards=state.shards(),
            running=list(state.running.values()),
            signature=_UNSIGNED,
        )

    def _signed(self, draft: Report) -> Report:
        self._number += 1
        report = msgspec.structs.replace(draft, number=self._number)
        signature = sign(self._credentials.key, NODE_REPORT, report.signed_part())
        return msgspec.structs.replace(report, signature=signature)


def _content(report: Report) -> Any:
    """Return what makes a report worth sending at once: not its number or times, nor how many bytes came."""
    shards = [(shard.key, shard.state) for shard in report.shards]
    running = [(shard.key, shard.weights_sha256) for shard in report.running]
    return (report.generation, report.serving, report.state, report.reason, report.detail, shards, running)
