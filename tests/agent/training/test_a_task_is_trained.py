"""From signed work to an update at the server: fetched, trained, handed over, and forgotten once nobody asks."""

import os
import signal
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.artifacts.shelf import RESERVE_BYTES, Shelf
from agent.home import Home
from muster.wire.work import Statement, TrainingTask, WorkReason, WorkState
from tests.agent.gateway import Gateway
from tests.agent.training.conftest import Train, until
from tests.agent.training.given import expected, task, work

LONG = 100  # epochs: some seconds


def states(gateway: Gateway, task: TrainingTask) -> list[WorkState]:
    """Return the states that were told of a task, each once in a row."""
    told = [one.state for _, progress in gateway.progress for one in progress.tasks if one.task == task.task]
    return [state for before, state in zip([None, *told], told, strict=False) if state != before]


async def test_a_task_is_fetched_trained_and_handed_over(
    gateway: Gateway, node: str, train: Train, home: Home, tmp_path: Path
) -> None:
    wanted = task(gateway)
    async with train():
        await gateway.assign(work(node, 4, wanted))
        done = await gateway.told(wanted.task, WorkState.DONE)
        ((key, statement),) = gateway.intake.statements.items()
        assert key == (wanted.task, 1)
        data = bytes(gateway.intake.taken[key])
        assert done.done == done.total == statement.size_bytes == len(data)
        kept = {path.name for path in home.updates.iterdir()}
        assert kept == {f"{wanted.task}.1.safetensors", f"{wanted.task}.1.json"}
        assert {path.name for path in home.artifacts.iterdir()} == {part.artifact_sha256 for part in wanted.shards}
        await gateway.assign(work(node, 5))
        await until(lambda: not any(home.updates.iterdir()) and not any(home.artifacts.iterdir()))
        await gateway.until(lambda: gateway.progress[-1][1].counter == 5)
    bytes_here, samples = expected(wanted, node, tmp_path / "here")
    assert data == bytes_here
    assert statement.samples == samples
    # So few samples may be learned too hard: that the loss falls is tested where there are more of them.
    assert None not in (statement.loss_before_millionths, statement.loss_after_millionths)
    assert statement.loss_after_millionths != statement.loss_before_millionths
    told = states(gateway, wanted)
    order = [WorkState.INVITED, WorkState.FETCHING, WorkState.TRAINING, WorkState.UPLOADING, WorkState.DONE]
    assert told == [state for state in order if state in told]  # short ones may go unsaid
    assert {progress.counter for _, progress in gateway.progress} == {4, 5}
    moments = [at for at, _ in gateway.progress]
    assert len(moments) <= 2 * (moments[-1] - moments[0]) + 2  # at most two a second


async def test_forged_and_older_work_leaves_everything_as_it_is(gateway: Gateway, node: str, train: Train) -> None:
    gateway.artifacts.refusal = 503  # nothing gets past fetching
    wanted, other = task(gateway), task(gateway, seed=2)
    async with train() as training:
        await gateway.assign(work(node, 4, wanted))
        await gateway.told(wanted.task, WorkState.FETCHING, WorkReason.UNREACHABLE)
        await gateway.assign(work(node, 3, other))
        await gateway.assign(gateway.signed_work(work(node, 9, other), Ed25519PrivateKey.generate()))
        await gateway.assign(work("0" * 8 + node[8:], 10, other))
        later = task(gateway, seed=3)
        await gateway.assign(work(node, 5, wanted, later))
        await gateway.told(later.task, WorkState.FETCHING, WorkReason.UNREACHABLE)
        assert training.status().counter == 5
    named = {one.task for _, progress in gateway.progress for one in progress.tasks}
    assert named == {wanted.task, later.task}


async def test_a_withdrawn_task_ends_its_process_and_makes_room_for_the_next(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    long, next_one = task(gateway, epochs=LONG, partition=None), task(gateway)
    async with train() as training:
        await gateway.assign(work(node, 1, long, next_one))
        await until(lambda: any(one.state == "training" and one.done for one in training.status().tasks))
        pid = training.status().worker_pid
        assert pid is not None
        assert os.getpriority(os.PRIO_PROCESS, pid) == 10
        await gateway.told(next_one.task, WorkState.INVITED)  # one at a time
        await gateway.assign(work(node, 2, next_one))
        await until(lambda: not Path(f"/proc/{pid}").exists(), 2.0)
        await gateway.told(next_one.task, WorkState.DONE)
        assert {path.name.partition(".")[0] for path in home.updates.iterdir()} == {next_one.task}
    assert {attempt for attempt, _ in gateway.intake.statements} == {next_one.task}


async def test_a_killed_worker_is_named_and_another_one_trains(gateway: Gateway, node: str, train: Train) -> None:
    wanted = task(gateway, epochs=LONG)
    async with train() as training:
        await gateway.assign(work(node, 1, wanted))
        await until(lambda: training.status().worker_pid is not None)
        os.kill(training.status().worker_pid or 0, signal.SIGKILL)
        await gateway.told(wanted.task, WorkState.DONE)
    said = [one for _, progress in gateway.progress for one in progress.tasks]
    named = [one for one in said if one.reason == WorkReason.WORKER_DIED]
    assert named
    assert all("signal 9" in one.detail and one.state != WorkState.FAILED for one in named)
    assert gateway.intake.statements[wanted.task, 1].attempt == 1


async def test_the_third_end_of_the_worker_is_the_last(gateway: Gateway, node: str, train: Train) -> None:
    wanted, other = task(gateway), task(gateway, seed=2)
    async with train(worker=(sys.executable, "-c", "raise SystemExit(3)")) as training:
        await gateway.assign(work(node, 1, wanted))
        told = await gateway.told(wanted.task, WorkState.FAILED, WorkReason.WORKER_DIED)
        assert "code 3" in told.detail
        await gateway.assign(work(node, 2, wanted, other))
        await gateway.told(other.task, WorkState.FAILED, WorkReason.WORKER_DIED)
        assert training.status().worker_pid is None


async def test_a_folder_without_labels_is_no_data(gateway: Gateway, node: str, train: Train, tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", image=np.zeros((3, 1, 8, 8), np.float32))
    wanted = task(gateway, partition=None)
    async with train(data_dir=str(tmp_path)):
        await gateway.assign(work(node, 1, wanted))
        await gateway.told(wanted.task, WorkState.FAILED, WorkReason.NO_DATA)
    assert gateway.intake.asked == []


async def test_a_device_without_torch_says_how_to_get_it(gateway: Gateway, node: str, train: Train) -> None:
    blocked = "import sys; sys.modules['torch'] = None; from agent.training.worker import main; main()"
    wanted = task(gateway)
    async with train(worker=(sys.executable, "-c", blocked)):
        await gateway.assign(work(node, 1, wanted))
        told = await gateway.told(wanted.task, WorkState.FAILED, WorkReason.RUNTIME_MISSING)
        assert "pip install" in told.detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"workload": "nobodys"}, WorkReason.WORKLOAD_MISSING),
        ({"workload_version": 99}, WorkReason.WORKLOAD_VERSION),
        ({"kind": "split"}, WorkReason.REFUSED),
    ],
)
async def test_what_this_device_cannot_train_is_named(
    gateway: Gateway, node: str, train: Train, change: dict[str, object], reason: WorkReason
) -> None:
    wanted = msgspec.structs.replace(task(gateway), **change)
    async with train():
        await gateway.assign(work(node, 1, wanted))
        await gateway.told(wanted.task, WorkState.FAILED, reason)


async def test_short_memory_and_a_full_disk_are_waited_for(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    memory_bytes, disk_bytes = 0, 8 << 30
    wanted = task(gateway)
    async with train(available=lambda: memory_bytes, shelf=Shelf(home.artifacts, free=lambda folder: disk_bytes)):
        await gateway.assign(work(node, 1, wanted))
        told = await gateway.told(wanted.task, WorkState.INVITED, WorkReason.MEMORY_SHORT)
        assert "0 MiB are available" in told.detail
        memory_bytes, disk_bytes = 8 << 30, RESERVE_BYTES
        await gateway.told(wanted.task, WorkState.INVITED, WorkReason.DISK_FULL)
        disk_bytes = 8 << 30
        await gateway.told(wanted.task, WorkState.DONE)


async def test_the_statement_is_what_the_record_says(gateway: Gateway, node: str, train: Train, home: Home) -> None:
    wanted = task(gateway, trained=["head"])
    async with train():
        await gateway.assign(work(node, 1, wanted))
        await gateway.told(wanted.task, WorkState.DONE)
        record = (home.updates / f"{wanted.task}.1.json").read_bytes()
    statement = gateway.intake.statements[wanted.task, 1]
    assert msgspec.json.decode(record, type=Statement) == statement
    assert set(statement.samples) == {"head"}
