"""Asks each model that has shards here with the device's own data, and gathers what that took."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.faults import LoadFailed
from agent.serving import protocol
from agent.serving.runner import Runner
from agent.serving.state import State
from agent.telemetry import Schedule
from muster.wire.messages import MAX_FRAME_INFERENCES, Inference
from muster.wire.targets import NodeTarget

LONGEST_NAP_S = 0.5  # a target that begins to serve is noticed this soon

_INT32_MAX = 2**31 - 1

log = logging.getLogger(__name__)


@dataclass
class Count:
    """What one shard answered, and what that took, since the reading before."""

    requests: int = 0
    errors: int = 0
    total_us: int = 0
    least_us: int = 0
    most_us: int = 0

    def add(self, took: protocol.ShardTime) -> None:
        """Count one request."""
        if took.failed:
            self.errors += 1
            return
        time_us = min(took.time_us, _INT32_MAX)
        self.least_us = min(self.least_us, time_us) if self.requests else time_us
        self.most_us = max(self.most_us, time_us)
        self.total_us += time_us
        self.requests += 1


class Tally:
    """Counts by shard, with the device's own data and without it apart."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, bool], Count] = {}
        self.last: dict[int, Inference] = {}

    def add(self, took: protocol.ShardTime) -> None:
        """Count one component of one request."""
        self._counts.setdefault((took.key, took.local), Count()).add(took)

    def take(self, at_us: int) -> list[Inference]:
        """Return what was counted and begin anew; what one frame cannot carry waits for the next."""
        taken = list(self._counts)[:MAX_FRAME_INFERENCES]
        inferences = [_inference(at_us, key, local, self._counts.pop((key, local))) for key, local in taken]
        self.last.update({inference.shard: inference for inference in inferences})
        return inferences


class Requests:
    """Asks the worker, each model on its own schedule."""

    def __init__(
        self, state: State, runner: Runner, tally: Tally, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._state = state
        self._runner = runner
        self._tally = tally
        self._sleep = sleep
        self._live: NodeTarget | None = None
        self._schedules: dict[str, Schedule] = {}
        self._complaint = ""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self._follow()
            wait_s = min((schedule.wait_s() for schedule in self._schedules.values()), default=LONGEST_NAP_S)
            if wait_s > 0:
                await self._sleep(min(wait_s, LONGEST_NAP_S))
                continue
            for version_id, schedule in self._schedules.items():
                if schedule.wait_s() <= 0:
                    await self._ask(version_id)
                    schedule.advance()

    def _follow(self) -> None:
        """Keep one schedule for each model that serves."""
        if self._state.live is self._live:
            return
        self._live = self._state.live
        models = self._live.models if self._live else []
        interval_s = self._live.request_interval_ms / 1_000 if self._live else 1.0
        self._schedules = {model.version_id: Schedule(interval_s, time.monotonic) for model in models if model.shards}

    async def _ask(self, version_id: str) -> None:
        try:
            answer = await self._runner.ask(protocol.Infer(version_id=version_id), protocol.Answered)
        except LoadFailed as error:  # the reconciler hears of a worker that ended, and starts another
            log.warning("no answer: %s", error)
            return
        for took in answer.times:
            self._tally.add(took)
        if answer.complaint and answer.complaint != self._complaint:
            log.error("a request failed: %s", answer.complaint)
        self._complaint = answer.complaint


def _inference(at_us: int, key: int, local: bool, count: Count) -> Inference:
    return Inference(
        at=at_us,
        shard=key,
        requests=count.requests,
        errors=count.errors,
        total_us=count.total_us,
        least_us=count.least_us,
        most_us=count.most_us,
        local=local,
    )
