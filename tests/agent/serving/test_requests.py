"""Shards are asked with the device's own data, and say where it was not."""

import asyncio
from pathlib import Path

import pytest

from agent.serving.protocol import ShardTime
from agent.serving.requests import Tally
from agent.serving.service import Serving
from muster.wire.messages import MAX_FRAME_INFERENCES, Inference
from muster.wire.targets import ReportState
from tests.agent.gateway import Gateway
from tests.agent.serving.conftest import Serve
from tests.agent.serving.published import Published, component, placed, target

VISION = component("digits", "vision")
HEAD = component("digits", "head")


async def answered(
    gateway: Gateway, node: str, serving: Serving, *parts: Published, workload: str = "digits"
) -> dict[int, Inference]:
    """Push a target with these components and return what each answered within a while."""
    gateway.artifacts.files = {part.shard.artifact_sha256: part.data for part in parts}
    await gateway.push(target(node, 1, placed(workload, *parts)))
    await gateway.reported(lambda report: report.state == ReportState.ACTIVE)
    gathered: dict[int, Inference] = {}
    async with asyncio.timeout(30):
        while len(gathered) < len(parts) or min(one.requests for one in gathered.values()) < 3:
            await asyncio.sleep(0.2)
            gathered |= {one.shard: one for one in serving.take_inferences(1_700_000_000_000_000)}
    return gathered


async def test_components_in_a_row_run_on_the_devices_own_data(gateway: Gateway, node: str, serve: Serve) -> None:
    async with serve() as serving:
        found = await answered(gateway, node, serving, VISION, HEAD)
        status = {shard.key: shard for shard in serving.status().shards}
    for one in found.values():
        assert one.local
        assert one.errors == 0
        assert 0 < one.least_us <= one.total_us // one.requests <= one.most_us
    assert found[VISION.shard.key].least_us > found[HEAD.shard.key].least_us
    assert status[HEAD.shard.key].mean_us is not None


async def test_a_component_whose_upstream_is_elsewhere_says_that_its_input_stood_in(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    async with serve() as serving:
        found = await answered(gateway, node, serving, HEAD)
    assert not found[HEAD.shard.key].local
    assert found[HEAD.shard.key].least_us > 0


async def test_a_data_folder_that_does_not_fit_is_said_and_not_replaced(
    gateway: Gateway, node: str, serve: Serve, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    async with serve(data_dir=str(folder)) as serving:
        found = await answered(gateway, node, serving, VISION, HEAD)
        assert str(folder) in serving.status().detail
    assert not any(one.local for one in found.values())  # the second stands on what the first made up
    report = gateway.reports[-1]
    assert "digits cannot use" in report.detail
    assert (report.state, report.reason) == (ReportState.ACTIVE, "")


async def test_a_modality_that_the_folder_does_not_give_is_not_called_the_devices_own(
    gateway: Gateway, node: str, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "home.csv").write_text("note\nsleeps in bed\n")
    text, motion = component("eldercare", "text"), component("eldercare", "motion")
    async with serve(data_dir=str(tmp_path)) as serving:
        found = await answered(gateway, node, serving, motion, text, workload="eldercare")
        assert "gives no" in serving.status().detail
    assert found[text.shard.key].local
    assert not found[motion.shard.key].local


def test_times_are_summed_with_their_extremes_and_failures_apart() -> None:
    tally = Tally()
    for time_us, failed in ((30, False), (10, False), (99, True), (20, False)):
        tally.add(ShardTime(key=7, time_us=time_us, failed=failed, local=True))
    tally.add(ShardTime(key=7, time_us=5, failed=False, local=False))
    assert tally.take(1) == [Inference(1, 7, 3, 1, 60, 10, 30, True), Inference(1, 7, 1, 0, 5, 5, 5, False)]
    assert tally.take(2) == []


def test_what_one_frame_cannot_carry_waits_for_the_next() -> None:
    tally = Tally()
    for key in range(MAX_FRAME_INFERENCES + 1):
        tally.add(ShardTime(key=key, time_us=1, failed=False, local=True))
    assert len(tally.take(1)) == MAX_FRAME_INFERENCES
    assert [one.shard for one in tally.take(2)] == [MAX_FRAME_INFERENCES]


@pytest.mark.parametrize("time_us", [2**31, 2**40])
def test_a_time_beyond_the_wire_is_cut(time_us: int) -> None:
    tally = Tally()
    tally.add(ShardTime(key=1, time_us=time_us, failed=False, local=True))
    assert tally.take(1)[0].most_us == 2**31 - 1
