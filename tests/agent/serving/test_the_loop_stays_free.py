"""Sampling goes on while a large shard is fetched, hashed, staged and watched."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from muster.wire.targets import ReportState
from tests.agent.gateway import Gateway
from tests.agent.serving.conftest import IMPATIENT, Serve
from tests.agent.serving.heavy import HEAVY, install
from tests.agent.serving.published import NOTHING, placed, publish, target

# Of the processor, by the event loop's own thread, in one go. SHA-256 over the shard alone takes
# 35 ms and more on every processor; other processes' work does not count.
LONGEST_STEP_S = 0.025


@asynccontextmanager
async def steps() -> AsyncIterator[list[float]]:
    """Gather the processor seconds that this thread takes between two turns of a task that is always due."""
    taken: list[float] = []

    async def look() -> None:
        while True:
            began_s = time.thread_time()
            await asyncio.sleep(0)
            taken.append(time.thread_time() - began_s)
            await asyncio.sleep(0.002)

    task = asyncio.create_task(look())
    try:
        yield taken
    finally:
        task.cancel()


async def test_a_shard_of_64_megabytes_does_not_hold_the_loop(
    gateway: Gateway, node: str, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    wide = publish(HEAVY, "wide")
    gateway.artifacts.files = {wide.shard.artifact_sha256: wide.data}
    assert len(wide.data) > 64 << 20
    model = msgspec.structs.replace(placed("digits", wide, workload_version=1), model="heavy", workload="heavy")
    assert model.manifest_sha256 == NOTHING
    async with serve(timing=replace(IMPATIENT, live_s=0.3)), steps() as taken:
        await gateway.push(target(node, 1, model))
        active = await gateway.reported(lambda report: report.state == ReportState.ACTIVE, timeout_s=40)
        await asyncio.sleep(1)  # a look at the live tensors and at the file
    assert [shard.weights_sha256 for shard in active.running] == [wide.shard.weights_sha256]
    assert max(taken) < LONGEST_STEP_S, sorted(taken)[-5:]
