"""From a pushed target to shards that serve: fetched, proved, switched, superseded, resumed, refused."""

import errno
import os
import sys
from typing import BinaryIO

import msgspec
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.artifacts.shelf import Shelf
from agent.home import Home
from agent.serving.state import Timing
from muster.wire.messages import Report
from muster.wire.targets import NodeTarget, Reason, ReportState, ShardState
from tests.agent.gateway import Gateway
from tests.agent.serving.conftest import Serve, until
from tests.agent.serving.published import Published, component, placed, spoiled, target, with_weights


def active(report: Report) -> bool:
    return report.state == ReportState.ACTIVE and report.reason == Reason.NONE


def digits(gateway: Gateway, node: str, counter: int, seed: int = 1) -> NodeTarget:
    """Publish both components of the digits with the weights of a seed and return their target."""
    parts = [component("digits", name, seed=seed) for name in ("vision", "head")]
    hold(gateway, *parts)
    return target(node, counter, placed("digits", *parts))


def hold(gateway: Gateway, *parts: Published) -> None:
    gateway.artifacts.files |= {part.shard.artifact_sha256: part.data for part in parts}


async def test_a_target_is_fetched_staged_proved_and_served(
    gateway: Gateway, node: str, serve: Serve, home: Home
) -> None:
    wanted = digits(gateway, node, 7)
    async with serve() as serving:
        await gateway.push(wanted)
        report = await gateway.reported(active)
        pid = serving.status().worker_pid
        assert pid is not None
        assert psutil.pid_exists(pid)
    assert report.generation == report.serving == (1, 7)
    assert {shard.state for shard in report.shards} == {ShardState.SERVING}
    live = {shard.key: shard.weights_sha256 for shard in report.running}
    assert live == {shard.key: shard.weights_sha256 for shard in wanted.shards}
    assert not psutil.pid_exists(pid)  # the worker ends with the agent
    words = list(dict.fromkeys(report.state for report in gateway.reports))
    assert words[0] == ReportState.IDLE
    assert words[-4:] == [ReportState.DOWNLOADING, ReportState.STAGED, ReportState.PROBED, ReportState.ACTIVE]
    numbers = [report.number for report in gateway.reports]
    assert numbers == sorted(set(numbers))
    assert {path.name for path in home.artifacts.iterdir()} == {shard.artifact_sha256 for shard in wanted.shards}


async def test_what_serves_is_left_alone_by_forged_and_older_targets_and_goes_with_an_empty_one(
    gateway: Gateway, node: str, serve: Serve, home: Home
) -> None:
    async with serve() as serving:
        await gateway.push(digits(gateway, node, 7))
        first = await gateway.reported(active)
        older = digits(gateway, node, 6, seed=2)
        forged = gateway.signed(digits(gateway, node, 8, seed=2), Ed25519PrivateKey.generate())
        for message, reason in ((older, Reason.OLDER), (forged, Reason.BAD_SIGNATURE)):
            await gateway.push(message)
            report = await gateway.reported(lambda report, reason=reason: report.reason == reason)
            assert (report.state, report.generation) == (ReportState.ACTIVE, (1, 7))
            assert [shard.weights_sha256 for shard in report.running] == [
                shard.weights_sha256 for shard in first.running
            ]
        await gateway.push(target(node, 9))
        report = await gateway.reported(lambda report: report.generation == (1, 9) and report.serving is None)
        assert report.reason == Reason.NONE  # an accepted target ends the complaint about a refused one
        report = await gateway.reported(lambda report: report.generation == (1, 9) and not report.running)
        assert report.state == ReportState.IDLE
        assert serving.status().worker_pid is None
        assert list(home.artifacts.iterdir()) == []


async def test_a_second_target_in_the_middle_of_a_download_supersedes_the_first(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    first, second = digits(gateway, node, 1), digits(gateway, node, 2, seed=2)
    gateway.artifacts.bytes_per_s = 20_000
    async with serve():
        await gateway.push(first)
        await gateway.reported(lambda report: any(shard.have_bytes for shard in report.shards))
        gateway.artifacts.bytes_per_s = None
        await gateway.push(second)
        report = await gateway.reported(active)
    assert report.serving == (1, 2)
    assert all(report.serving != (1, 1) for report in gateway.reports)


async def test_one_component_changes_and_only_its_file_is_fetched(
    gateway: Gateway, node: str, serve: Serve, home: Home
) -> None:
    vision, head, other = (component("digits", *what) for what in (("vision",), ("head",), ("head", None, 2)))
    hold(gateway, vision, head, other)
    async with serve():
        await gateway.push(target(node, 1, placed("digits", vision, head)))
        await gateway.reported(active)
        await gateway.push(target(node, 2, placed("digits", vision, other)))
        report = await gateway.reported(lambda report: active(report) and report.serving == (1, 2))
        asked = [sha256 for sha256, _ in gateway.artifacts.asked]
        assert asked == [part.shard.artifact_sha256 for part in (vision, head, other)]
        left = {path.name for path in home.artifacts.iterdir()}
    assert left == {vision.shard.artifact_sha256, other.shard.artifact_sha256}
    assert {shard.key for shard in report.running} == {vision.shard.key, other.shard.key}


async def test_an_artifact_that_comes_with_other_bytes_is_reported_and_fetched_again(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    wanted = digits(gateway, node, 1)
    gateway.artifacts.instead = [spoiled(component("digits", "vision"))]
    async with serve():
        await gateway.push(wanted)
        report = await gateway.reported(lambda report: report.reason == Reason.DOWNLOAD_CORRUPT)
        assert report.running == []
        await gateway.reported(active)


async def test_a_full_disk_is_named_and_tried_again(gateway: Gateway, node: str, serve: Serve, home: Home) -> None:
    is_full = True

    def write(file: BinaryIO, data: bytes) -> int:
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return file.write(data)

    async with serve(shelf=Shelf(home.artifacts, write)):
        await gateway.push(digits(gateway, node, 1))
        report = await gateway.reported(lambda report: report.reason == Reason.DISK_FULL)
        assert report.state == ReportState.FAILED
        assert "No space left" in report.detail
        is_full = False
        await gateway.reported(active)


async def test_what_cannot_serve_is_named_and_the_old_generation_goes_on(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    vision, head = component("digits", "vision"), component("digits", "head", seed=2)
    hold(gateway, vision, head)
    free = 8 << 30
    probe = msgspec.structs.replace(head.shard.probe, expected=[value + 50_000 for value in head.shard.probe.expected])
    misjudged = Published(msgspec.structs.replace(head.shard, probe=probe), head.data)
    wrong = {
        Reason.WEIGHTS_REFUSED: placed("digits", with_weights(head, "0" * 64)),
        Reason.PROBE_FAILED: placed("digits", misjudged),
        Reason.WORKLOAD_MISSING: msgspec.structs.replace(placed("digits", head), workload="nobodys"),
        Reason.WORKLOAD_VERSION: placed("digits", head, workload_version=99),
        Reason.MEMORY_SHORT: placed("digits", head),
    }
    async with serve(available=lambda: free) as serving:
        await gateway.push(target(node, 1, placed("digits", vision)))
        await gateway.reported(active)
        pid = serving.status().worker_pid
        for counter, (reason, model) in enumerate(wrong.items(), 2):
            free = 0 if reason == Reason.MEMORY_SHORT else 8 << 30
            await gateway.push(target(node, counter, model))
            report = await gateway.reported(lambda report, reason=reason: report.reason == reason)
            assert (report.state, report.generation, report.serving) == (ReportState.FAILED, (1, counter), (1, 1))
            assert [shard.key for shard in report.running] == [vision.shard.key]
        free = 8 << 30  # tried again, it finds what was missing
        await gateway.reported(lambda report: active(report) and report.serving == (1, 6))
        assert serving.status().worker_pid == pid


async def test_a_device_without_torch_says_how_to_get_it(gateway: Gateway, node: str, serve: Serve) -> None:
    blocked = "import sys; sys.modules['torch'] = None; from agent.serving.worker import main; main()"
    async with serve(worker=(sys.executable, "-c", blocked)):
        await gateway.push(digits(gateway, node, 1))
        report = await gateway.reported(lambda report: report.reason == Reason.RUNTIME_MISSING)
        assert report.state == ReportState.FAILED
        assert "pip install 'muster-agent[serving]'" in report.detail
        assert {shard.state for shard in report.shards} == {ShardState.HELD}


async def test_it_serves_from_disk_without_any_server(gateway: Gateway, node: str, serve: Serve) -> None:
    async with serve():
        await gateway.push(digits(gateway, node, 1))
        await gateway.reported(active)
        gateway.artifacts.refusal = 503
        await gateway.push(digits(gateway, node, 2, seed=2))
        await gateway.reported(lambda report: report.reason == Reason.UNREACHABLE)
    asked = len(gateway.artifacts.asked)
    async with serve(connected=False) as serving:  # the accepted target is not here yet: the old one serves
        await until(lambda: serving.status().serving == (1, 1))
        assert serving.status().generation == (1, 2)
        await until(lambda: len(serving.take_inferences(1)) == 2)
        gateway.artifacts.refusal = None
        await until(lambda: serving.status().serving == (1, 2))
    assert len(gateway.artifacts.asked) > asked
    asked = len(gateway.artifacts.asked)
    async with serve(connected=False) as serving:
        await until(lambda: serving.status().state == ReportState.ACTIVE)
    assert len(gateway.artifacts.asked) == asked


async def test_a_device_that_was_cut_off_catches_up_once_it_is_welcome(
    gateway: Gateway, node: str, serve: Serve
) -> None:
    gateway.artifacts.refusal = 503
    async with serve(timing=Timing(retry_s=1e6, retry_cap_s=1e6)):
        await gateway.push(digits(gateway, node, 1))
        await gateway.reported(lambda report: report.reason == Reason.UNREACHABLE)
        gateway.artifacts.refusal = None
        for socket in list(gateway.sockets):
            await socket.close(1012)
        await gateway.reported(active)


async def test_a_gateway_of_the_minor_before_gets_no_report(gateway: Gateway, node: str, serve: Serve) -> None:
    gateway.minors = [0]
    async with serve():
        await gateway.until(lambda: len(gateway.pings) >= 2)
    assert gateway.reports == []
