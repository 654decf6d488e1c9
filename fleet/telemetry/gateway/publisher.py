"""Sends committed readings to the pages that watch a node; apart from storing, so that nothing waits for Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fleet.telemetry.core.topics import live_message, node_topic
from fleet.telemetry.gateway import limits
from fleet.telemetry.services.sender import LiveSender
from muster.clock import Clock, now_us
from muster.wire.messages import Inference, Sample


@dataclass
class Feed:
    """The live topic of one connection; a skipped number tells readers to fetch what they missed."""

    uid: str
    epoch: int
    seq: int = 0
    pending: list[Sample] = field(default_factory=list)
    answers: list[Inference] = field(default_factory=list)

    def add(self, samples: Sequence[Sample], oldest_us: int, inferences: Sequence[Inference] = ()) -> None:
        """Take the newest readings that are young enough; leave a gap in the numbers for the others."""
        self.pending, lost = _newest(self.pending, samples, oldest_us, limits.MAX_LIVE_SAMPLES)
        if inferences:
            self.answers, also = _newest(self.answers, inferences, oldest_us, limits.MAX_LIVE_INFERENCES)
            lost = lost or also
        if lost:
            self.seq += 1

    @property
    def some(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.pending or self.answers)

    def forget(self) -> None:
        """Drop what was not told; a skipped number says so."""
        self.pending, self.answers = [], []
        self.seq += 1

    def take(self, at: int) -> dict[str, Any]:
        """Return the next message and start anew."""
        self.seq += 1
        data: dict[str, Any] = {"epoch": self.epoch, "samples": [_fields(sample) for sample in self.pending]}
        if self.answers:
            data["inferences"] = [_answer(answer) for answer in self.answers]
        self.pending, self.answers = [], []
        return live_message(node_topic(self.uid), self.seq, at, data)


Reading = TypeVar("Reading", Sample, Inference)


def _newest(pending: list[Reading], more: Sequence[Reading], oldest_us: int, bound: int) -> tuple[list[Reading], bool]:
    """Return the newest of both that are young enough, at most `bound`, and whether any was left out."""
    recent = [reading for reading in more if reading.at >= oldest_us]
    merged = pending + recent
    return merged[-bound:], len(recent) < len(more) or len(merged) > bound


class Publisher:
    """Publishes the feeds that changed, each at most once a round; a slow Redis makes rounds larger, not longer."""

    def __init__(self, sender: LiveSender, clock: Clock = now_us) -> None:
        self._sender = sender
        self._clock = clock
        self._changed: dict[str, Feed] = {}
        self._some = asyncio.Event()

    @property
    def failures(self) -> int:
        return self._sender.failures

    def offer(self, feed: Feed, samples: Sequence[Sample], inferences: Sequence[Inference] = ()) -> None:
        """Note committed readings of a node; never blocks."""
        feed.add(samples, self._clock() - limits.LIVE_AGE_US, inferences)
        if not feed.some:
            return
        if len(self._changed) >= limits.MAX_PENDING_NODES and feed.uid not in self._changed:
            feed.forget()
            return
        self._changed[feed.uid] = feed
        self._some.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            changed, self._changed = self._changed, {}
            for feed in changed.values():
                await self._sender.send(feed.take(self._clock()))


def _fields(sample: Sample) -> dict[str, Any]:
    return {
        "at": sample.at,
        "cpu": sample.cpu,
        "memory_used_bytes": sample.memory_used_bytes,
        "load1": sample.load1,
        "rtt_us": sample.rtt_us,
        "temperature_c": sample.temperature_c,
        "battery": sample.battery,
    }


def _answer(answer: Inference) -> dict[str, Any]:
    return {
        "at": answer.at,
        "shard": answer.shard,
        "requests": answer.requests,
        "errors": answer.errors,
        "mean_ms": round(answer.total_us / answer.requests / 1000, 4) if answer.requests else None,
        "most_ms": answer.most_us / 1000 if answer.requests else None,
        "local": answer.local,
    }
