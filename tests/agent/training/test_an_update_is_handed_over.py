"""An update that is on disk gets to the server whole, over a line that breaks and past a server that errs."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from agent.home import Home
from agent.training import updates
from agent.training.state import Patience
from muster.wire.work import Statement, TrainingTask, UpdateKind, WorkReason, WorkState
from tests.agent.gateway import Gateway
from tests.agent.training.conftest import Train, until
from tests.agent.training.given import task, work

SIZE = 700_000  # four pieces: the first is 64 KiB, each next one twice as large
PATIENT = Patience(retry_s=1e6, retry_cap_s=1e6)
NOBODY = ("/bin/false",)  # nothing is trained here


def learned(home: Home, node: str, task: TrainingTask, attempt: int = 1, size: int = SIZE, fill: int = 1) -> Path:
    """Leave an update of a task on disk, as the worker does."""

    def describe(sha256: str, size_bytes: int) -> Statement:
        return Statement(node, task.task, attempt, UpdateKind.PLAIN, sha256, size_bytes, {"vision": 3}, 20, None, 7)

    home.updates.mkdir(exist_ok=True)
    tensors = {"vision.weight": np.full(size // 4, fill, np.float32)}
    updates.store(home.updates, task.task, attempt, tensors, describe)
    return home.updates / f"{task.task}.{attempt}.safetensors"


def offsets(gateway: Gateway) -> list[int]:
    return [offset for method, offset in gateway.intake.asked if method == "PATCH"]


async def arrived(gateway: Gateway, task: TrainingTask, attempt: int = 1) -> bytes:
    """Return what the server has, once the device says that it is done."""
    await gateway.told(task.task, WorkState.DONE)
    assert (task.task, attempt) in gateway.intake.complete
    return bytes(gateway.intake.taken[task.task, attempt])


async def test_what_is_whole_is_not_trained_again_and_goes_in_pieces(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    wanted = task(gateway)
    path = learned(home, node, wanted)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        assert await arrived(gateway, wanted) == path.read_bytes()
    assert offsets(gateway) == [0, 64 << 10, 192 << 10, 448 << 10]
    assert gateway.artifacts.asked == []
    assert path.exists()  # a server restored from a backup may ask again


@pytest.mark.parametrize(
    "trouble",
    [
        {"break_after": [100_000, 0, 300]},
        {"lies": [0, 400_000, 5]},
        {"refusals": [(503, "busy"), (401, "unauthenticated"), (404, "not_found"), (507, "disk_full"), (500, "")]},
        {"piece_s": 1.2},
        {"spoil": 1},
    ],
    ids=["breaks", "wrong offsets", "refusals", "slow", "other bytes on the way"],
)
async def test_it_arrives_whole_whatever_happens(
    gateway: Gateway, node: str, train: Train, home: Home, trouble: dict[str, object]
) -> None:
    for name, value in trouble.items():
        setattr(gateway.intake, name, value)
    wanted = task(gateway)
    path = learned(home, node, wanted)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        data = await arrived(gateway, wanted, 2 if "spoil" in trouble else 1)
    kept = home.updates / f"{wanted.task}.{2 if 'spoil' in trouble else 1}.safetensors"
    assert data == kept.read_bytes()
    assert path.exists() == (kept == path)


@pytest.mark.parametrize("offsets", [(0,), (0, 300_000, 200_000)], ids=["the same", "to and fro"])
async def test_a_server_that_contradicts_itself_for_ever_is_left_alone_for_a_while(
    gateway: Gateway, node: str, train: Train, home: Home, offsets: tuple[int, ...]
) -> None:
    gateway.intake.stays_at = offsets
    wanted = task(gateway)
    learned(home, node, wanted)
    async with train(worker=NOBODY, patience=PATIENT):
        await gateway.assign(work(node, 1, wanted))
        told = await gateway.told(wanted.task, WorkState.UPLOADING, WorkReason.UNREACHABLE)
        assert "stays at" in told.detail
        asked = len(gateway.intake.asked)
        assert asked < 20
        gateway.intake.stays_at = ()
        for socket in list(gateway.sockets):  # after a new Welcome it is tried at once
            await socket.close(1012)
        await gateway.told(wanted.task, WorkState.DONE)


@pytest.mark.parametrize("offset", [10_000_000, SIZE * 4])
async def test_an_offset_behind_the_end_is_not_believed(
    gateway: Gateway, node: str, train: Train, home: Home, offset: int
) -> None:
    gateway.intake.lies = [offset]
    wanted = task(gateway)
    path = learned(home, node, wanted)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        assert await arrived(gateway, wanted) == path.read_bytes()


async def test_a_task_that_the_server_does_not_know_is_dropped_until_newer_work_names_it(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    gateway.intake.named = set()
    wanted = task(gateway)
    path = learned(home, node, wanted)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        await gateway.told(wanted.task, WorkState.FAILED, WorkReason.REFUSED)
        assert path.exists()
        assert len(gateway.intake.asked) == 1
        gateway.intake.named = {wanted.task}
        await gateway.assign(work(node, 2, wanted))
        assert await arrived(gateway, wanted) == path.read_bytes()


async def test_a_task_withdrawn_in_the_middle_of_its_upload_is_forgotten(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    gateway.intake.hold_after = 1
    wanted = task(gateway)
    learned(home, node, wanted)
    async with train(worker=NOBODY) as training:
        await gateway.assign(work(node, 1, wanted))
        told = await gateway.told(wanted.task, WorkState.UPLOADING)
        assert told.total > SIZE
        await until(lambda: len(offsets(gateway)) >= 1)
        await gateway.assign(work(node, 2))
        await until(lambda: not any(home.updates.iterdir()))
        assert training.status().tasks == []
    gateway.intake.go.set()


async def test_an_attempt_that_the_server_knows_otherwise_becomes_the_next_one(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    wanted = task(gateway)
    learned(home, node, wanted, fill=2).unlink()  # what an earlier life announced, and lost
    learned(home, node, wanted, attempt=1, fill=2)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        await arrived(gateway, wanted)
    path = learned(home, node, wanted, fill=3)
    async with train(worker=NOBODY):
        data = None
        await until(lambda: (wanted.task, 2) in gateway.intake.complete)
        data = bytes(gateway.intake.taken[wanted.task, 2])
    assert not path.exists()
    assert sorted(found.name for found in home.updates.iterdir()) == [
        f"{wanted.task}.2.json",
        f"{wanted.task}.2.safetensors",
    ]
    assert data == (home.updates / f"{wanted.task}.2.safetensors").read_bytes()


async def test_a_server_that_lost_an_update_is_given_it_again(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    wanted = task(gateway)
    path = learned(home, node, wanted)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        await arrived(gateway, wanted)
        gateway.intake.statements.clear()  # restored from a backup
        gateway.intake.taken.clear()
        gateway.intake.complete.clear()
        for socket in list(gateway.sockets):
            await socket.close(1012)
        await until(lambda: bool(gateway.intake.complete))
    assert bytes(gateway.intake.taken[wanted.task, 1]) == path.read_bytes()


async def test_a_damaged_file_is_never_announced_and_the_task_is_trained_again(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    wanted = task(gateway)
    path = learned(home, node, wanted)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    async with train():
        await gateway.assign(work(node, 1, wanted))
        trained = await arrived(gateway, wanted)
    (statement,) = gateway.intake.announced
    assert statement.attempt == 1
    assert hashlib.sha256(trained).hexdigest() == statement.sha256
    assert statement.samples != {"vision": 3}


async def test_after_every_welcome_everything_is_told_again(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    wanted = task(gateway)
    learned(home, node, wanted)
    async with train(worker=NOBODY):
        await gateway.assign(work(node, 1, wanted))
        await arrived(gateway, wanted)
        before = len(gateway.progress)
        for socket in list(gateway.sockets):
            await socket.close(1012)
        told = await gateway.told(wanted.task, WorkState.DONE, since=before)
        assert told.done == told.total > SIZE


async def test_uploads_and_training_do_not_wait_for_each_other(
    gateway: Gateway, node: str, train: Train, home: Home
) -> None:
    gateway.intake.hold_after = 1
    first, second = task(gateway), task(gateway)
    learned(home, node, first)
    async with train():
        await gateway.assign(work(node, 1, first, second))
        await gateway.told(second.task, WorkState.UPLOADING)  # trained meanwhile, and its turn has not come
        assert gateway.intake.complete == set()
        gateway.intake.go.set()
        await gateway.told(second.task, WorkState.DONE)
        await gateway.told(first.task, WorkState.DONE)
