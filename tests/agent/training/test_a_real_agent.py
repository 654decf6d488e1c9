"""The agent as a process: killed while it trains and while it uploads, and asked what it trains."""

import asyncio
import json
import os
import signal
from pathlib import Path

import msgspec
import psutil
import pytest

from agent.cli import main
from agent.home import Home
from muster.wire.targets import ReportState
from muster.wire.work import WorkState
from tests.agent.conftest import Start
from tests.agent.gateway import Gateway
from tests.agent.serving.published import component, placed, target
from tests.agent.training.conftest import until
from tests.agent.training.given import LOCAL, expected, task, work

LONG = msgspec.structs.replace(LOCAL, epochs=20, batch_size=8)  # a second and more


def asked(home: Home, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    main(["status", "--json", "--home", str(home.path)])
    return json.loads(capsys.readouterr().out)


async def kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def test_killed_while_it_trains_it_begins_again_and_learns_the_same(
    home: Home, gateway: Gateway, node: str, start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wanted = task(gateway, local=LONG, partition=None)
    gateway.work = gateway.signed_work(work(node, 1, wanted))
    process = await start(home)
    await gateway.until(lambda: any(one.state == "training" and one.done for one in last(gateway)), 120)
    main(["status", "--home", str(home.path)])
    text = capsys.readouterr().out
    worker = worker_of(process.pid)
    await kill(process)
    await asyncio.to_thread(worker.wait, 5)  # the kernel ends it with the agent
    assert gateway.intake.asked == []
    assert not list(home.updates.glob("[!.]*"))

    process = await start(home)  # it reads its work from the disk
    await gateway.told(wanted.task, WorkState.DONE)
    ((key, taken),) = gateway.intake.taken.items()
    assert key == (wanted.task, 1)
    assert bytes(taken) == expected(wanted, node, tmp_path / "here")[0]
    assert "training   digits, round 3, vision and head: " in text
    await until(lambda: [one["state"] for one in asked(home, capsys)["training"]["tasks"]] == ["done"], 10)
    await kill(process)


async def test_killed_while_it_uploads_it_goes_on_where_it_was(
    home: Home, gateway: Gateway, node: str, start: Start
) -> None:
    wanted = task(gateway)
    gateway.intake.hold_after = 64 * 1024
    gateway.work = gateway.signed_work(work(node, 1, wanted))
    process = await start(home)
    await until(lambda: ("PATCH", 64 * 1024) in gateway.intake.asked, 120)
    told = len(gateway.progress)
    await kill(process)
    path = home.updates / f"{wanted.task}.1.safetensors"
    data, written_ns = path.read_bytes(), path.stat().st_mtime_ns
    assert len(data) > 64 * 1024
    gateway.intake.hold_after = None
    gateway.intake.asked.clear()

    process = await start(home)
    await gateway.told(wanted.task, WorkState.DONE, since=told)
    assert bytes(gateway.intake.taken[wanted.task, 1]) == data == path.read_bytes()
    assert path.stat().st_mtime_ns == written_ns
    assert gateway.intake.asked[:2] == [("POST", -1), ("PATCH", 64 * 1024)]
    first, *others = gateway.intake.announced
    assert others
    assert all(statement == first for statement in others)
    states = {one.state for _, progress in gateway.progress[told:] for one in progress.tasks}
    assert states <= {WorkState.UPLOADING, WorkState.DONE}
    gateway.intake.go.set()
    await kill(process)


async def test_it_serves_and_samples_while_it_trains(home: Home, gateway: Gateway, node: str, start: Start) -> None:
    shards = [component("digits", name) for name in ("vision", "head")]
    other = [component("digits", name, seed=2) for name in ("vision", "head")]
    wanted = task(gateway, epochs=100, partition=None)
    gateway.artifacts.files |= {part.shard.artifact_sha256: part.data for part in [*shards, *other]}
    gateway.target = gateway.signed(target(node, 1, placed("digits", *shards)))
    process = await start(home)
    await gateway.reported(lambda report: report.state == ReportState.ACTIVE, timeout_s=120)
    await gateway.assign(work(node, 1, wanted))
    await gateway.until(lambda: any(one.state == "training" and one.done for one in last(gateway)), 120)
    trainer = worker_of(process.pid)
    assert trainer.nice() == 10
    since = len(gateway.frames())
    # Pruning by either keeps what the other needs: the task's base is what served until now.
    await gateway.push(target(node, 2, placed("digits", *other)))
    await gateway.reported(lambda report: report.state == ReportState.ACTIVE and report.serving == (1, 2), 120)
    await gateway.until(lambda: any(frame.inferences for frame in gateway.frames()[since:]), 60)
    names = {part.shard.artifact_sha256 for part in [*shards, *other]}
    assert {path.name for path in home.artifacts.iterdir()} == names
    assert trainer.is_running()
    await gateway.assign(work(node, 2))
    await until(
        lambda: {path.name for path in home.artifacts.iterdir()} == {part.shard.artifact_sha256 for part in other}
    )
    os.kill(process.pid, signal.SIGTERM)
    assert await process.wait() == 0


def last(gateway: Gateway) -> list[object]:
    return list(gateway.progress[-1][1].tasks) if gateway.progress else []


def worker_of(agent: int) -> psutil.Process:
    """Return the agent's process that trains."""
    return next(child for child in psutil.Process(agent).children() if "agent.training.worker" in child.cmdline())
