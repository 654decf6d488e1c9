"""A running agent streams its samples and says how it is."""

import asyncio
import json
import signal
import sys

from agent.home import Home
from tests.agent.conftest import ROOT, Start
from tests.agent.gateway import Gateway


async def test_samples_arrive_and_are_forgotten_once_acknowledged(home: Home, gateway: Gateway, start: Start) -> None:
    process = await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 8)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(2):
        assert await process.wait() == 0
    frames = gateway.frames()
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert all(0 <= sample.cpu <= 1 and sample.memory_used_bytes > 0 for frame in frames for sample in frame.samples)
    assert frames[-1].samples[0].rtt_us is not None
    assert gateway.repeated == []
