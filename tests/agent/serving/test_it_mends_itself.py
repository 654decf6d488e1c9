"""What breaks while shards serve is noticed, reported with what is true, and mended."""

import os
import signal
from dataclasses import replace

import pytest

from agent.home import Home
from agent.serving.service import Serving
from muster.wire.messages import Report
from muster.wire.targets import NodeTarget, Reason, ReportState, ShardState
from tests.agent.gateway import Gateway
from tests.agent.serving.conftest import IMPATIENT, Serve, until
from tests.agent.serving.memory import flip_a_bit
from tests.agent.serving.published import component, placed, target

VISION = component("digits", "vision")
HEAD = component("digits", "head")


def wanted(gateway: Gateway, node: str) -> NodeTarget:
    gateway.artifacts.files = {part.shard.artifact_sha256: part.data for part in (VISION, HEAD)}
    return target(node, 1, placed("digits", VISION, HEAD))


def active(report: Report) -> bool:
    return report.state == ReportState.ACTIVE and report.reason == Reason.NONE


async def test_a_bit_flipped_in_the_workers_memory_is_reported_and_mended(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    async with serve() as serving:
        await gateway.push(wanted(gateway, node))
        await gateway.reported(active)
        pid = serving.status().worker_pid
        assert pid is not None
        flip_a_bit(pid, VISION.data[-9_000:-8_000], 500)
        report = await gateway.reported(lambda report: report.reason == Reason.LIVE_MISMATCH)
        live = {shard.key: shard.weights_sha256 for shard in report.running}
        assert live[VISION.shard.key] not in {VISION.shard.weights_sha256, HEAD.shard.weights_sha256}
        assert live[HEAD.shard.key] == HEAD.shard.weights_sha256
        assert {shard.key: shard.state for shard in report.shards}[VISION.shard.key] == ShardState.CORRUPT
        assert report.state == ReportState.FAILED
        report = await gateway.reported(active, since=gateway.reports.index(report))
        assert {shard.weights_sha256 for shard in report.running} == {
            VISION.shard.weights_sha256,
            HEAD.shard.weights_sha256,
        }
        assert serving.status().worker_pid == pid  # loaded again beside the healthy one, not started again
        assert len(gateway.artifacts.asked) == 2  # and from the file that is here


@pytest.mark.parametrize("live_s", [0.1, 60.0], ids=["seen in memory first", "seen on disk first"])
async def test_a_file_that_changed_on_disk_is_reported_and_fetched_again(
    gateway: Gateway, node: str, serve: Serve, home: Home, live_s: float
) -> None:
    files_s = 0.1 if live_s > 1 else 60.0
    async with serve(timing=replace(IMPATIENT, live_s=live_s, files_s=files_s)):
        await gateway.push(wanted(gateway, node))
        await gateway.reported(active)
        path = home.artifacts / VISION.shard.artifact_sha256
        with path.open("r+b") as file:
            file.seek(-300, os.SEEK_END)
            file.write(b"\xff" * 40)
        report = await gateway.reported(lambda report: report.reason == Reason.DISK_CORRUPT)
        assert {shard.key: shard.state for shard in report.shards}[VISION.shard.key] == ShardState.CORRUPT
        await gateway.reported(active, since=gateway.reports.index(report))
        assert path.read_bytes() == VISION.data


async def test_a_worker_that_is_killed_is_reported_and_replaced_and_told_later_where_nobody_listened(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    async with serve() as serving:
        await gateway.push(wanted(gateway, node))
        await gateway.reported(active)
        first = kill_worker(serving)
        report = await gateway.reported(lambda report: report.reason == Reason.WORKER_DIED)
        assert report.serving is None
        assert report.running == []
        assert "signal 9" in report.detail
        await gateway.reported(active, since=gateway.reports.index(report))
        gateway.refuse = (4403, "wait")
        for socket in list(gateway.sockets):
            await socket.close(1012)
        second = kill_worker(serving)
        assert second != first
        await until(lambda: serving.status().worker_pid not in {None, second})
        await until(lambda: serving.status().state == ReportState.ACTIVE)
        before = len(gateway.reports)
        gateway.refuse = None
        await gateway.reported(active, since=before)
        assert gateway.reports[before].reason == Reason.WORKER_DIED


def kill_worker(serving: Serving) -> int:
    pid = serving.status().worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid
