"""Sends committed readings to the pages that watch a node; apart from storing, so that nothing waits for Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet.telemetry.core.topics import live_message, node_topic
from fleet.telemetry.gateway import limits
from fleet.telemetry.services.sender import LiveSender
from muster.clock import Clock, now_us
from muster.wire.messages import Sample


@dataclass
class Feed:
    """The live topic of one connection; a skipped number tells readers to fetch what they missed."""

    uid: str
    epoch: int
    seq: int = 0
    pending: list[Sample] = field(default_factory=list)

    def add(self, samples: Sequence[Sample], oldest_us: int) -> None:
        """Take the newest readings that are young enough; leave a gap in the numbers for the others."""
        recent = [sample for sample in samples if sample.at >= oldest_us]
        merged = self.pending + recent
        self.pending = merged[-limits.MAX_LIVE_SAMPLES :]
        if len(recent) < len(samples) or len(self.pending) < len(merged):
            self.seq += 1

    def take(self, at: int) -> dict[str, Any]:
        """Return the next message and start anew."""
        self.seq += 1
        samples, self.pending = self.pending, []
        data = {"epoch": self.epoch, "samples": [_fields(sample) for sample in samples]}
        return live_message(node_topic(self.uid), self.seq, at, data)


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

    def offer(self, feed: Feed, samples: Sequence[Sample]) -> None:
        """Note committed readings of a node; never blocks."""
        feed.add(samples, self._clock() - limits.LIVE_AGE_US)
        if not feed.pending:
            return
        if len(self._changed) >= limits.MAX_PENDING_NODES and feed.uid not in self._changed:
            feed.pending.clear()
            feed.seq += 1
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
