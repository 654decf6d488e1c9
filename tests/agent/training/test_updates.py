"""What an end at any moment of writing leaves, and what is made of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from agent.training import updates
from agent.training.errors import TaskFailed, UpdateDamaged
from agent.training.updates import Updates
from muster.ids import uuid7
from muster.wire.work import Statement, UpdateKind

TASK, OTHER = str(uuid7()), str(uuid7())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Updates(tmp_path / "updates").load()
    return tmp_path / "updates"


def describe(task: str, attempt: int) -> Callable[[str, int], Statement]:
    return lambda sha256, size: Statement(TASK, task, attempt, UpdateKind.PLAIN, sha256, size, {}, None, 3, 4)


def learn(folder: Path, task: str = TASK, attempt: int = 1) -> Path:
    updates.store(folder, task, attempt, {"a.weight": torch.ones(5)}, describe(task, attempt))
    return folder / f"{task}.{attempt}.safetensors"


def loaded(folder: Path) -> Updates:
    found = Updates(folder)
    found.load()
    return found


def test_a_stored_update_is_found_after_a_restart_with_the_same_statement(folder: Path) -> None:
    path = learn(folder)
    update = loaded(folder).of(TASK)
    assert update is not None
    assert update.path == path
    assert update.statement.size_bytes == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    loaded(folder).verify(update, lambda: False)


def test_a_record_alone_is_no_update_and_keeps_the_attempt(folder: Path) -> None:
    learn(folder, attempt=4).unlink()
    found = loaded(folder)
    assert found.of(TASK) is None
    assert found.attempt(TASK) == 4
    assert found.attempt(OTHER) == 1
    with pytest.raises(TaskFailed):
        found.find(TASK)


def test_what_was_written_aside_is_swept_away(folder: Path) -> None:
    (folder / f".{TASK}.1.safetensors").write_bytes(b"half")
    (folder / f"..{TASK}.1.safetensors.77.part").write_bytes(b"half")
    found = loaded(folder)
    assert found.of(TASK) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:-1] + b"\x01", lambda data: b""])
def test_other_bytes_are_no_update(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = learn(folder)
    before = loaded(folder).of(TASK)
    assert before is not None
    path.write_bytes(spoil(path.read_bytes()))
    found = loaded(folder)
    with pytest.raises(UpdateDamaged):
        found.verify(found.of(TASK) or before, lambda: False)
    assert found.of(TASK) is None
    assert found.attempt(TASK) == 1


def test_a_record_that_cannot_be_read_is_no_update(folder: Path) -> None:
    learn(folder).with_suffix(".json").write_bytes(b"{")
    assert loaded(folder).of(TASK) is None


def test_the_next_attempt_has_the_same_bytes_also_where_the_change_was_cut_short(folder: Path) -> None:
    data = learn(folder).read_bytes()
    found = loaded(folder)
    update = found.of(TASK)
    assert update is not None
    record = update.path.with_suffix(".json").read_bytes()
    renewed = found.renew(update)
    assert renewed.statement.attempt == 2
    assert renewed.path.read_bytes() == data
    assert found.of(TASK) == renewed
    assert len(list(folder.iterdir())) == 2
    # As if the end had come between the new record and the new name.
    renewed.path.rename(update.path)
    update.path.with_suffix(".json").write_bytes(record)
    assert loaded(folder).of(TASK) == update
    # And as if it had come before the old record went.
    learn(folder, attempt=2)
    update.path.unlink()
    assert loaded(folder).of(TASK) == renewed


def test_only_what_is_named_stays(folder: Path) -> None:
    learn(folder)
    path = learn(folder, OTHER)
    found = loaded(folder)
    found.retain({OTHER})
    assert found.of(TASK) is None
    assert found.of(OTHER) is not None
    assert {entry.name for entry in folder.iterdir()} == {path.name, path.with_suffix(".json").name}
