"""What this device has learned, on disk until the server no longer asks for it.

    <task>.<attempt>.json          the record: the Statement, unsigned
    <task>.<attempt>.safetensors   the differences

The record is written first and the file gets its name last, each synced: a file under its name is
whole, and its record says what it holds. A record alone is the trace of an attempt that did not
come to its end.
"""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.artifacts.shelf import sha256_of
from agent.files import OWNER_ONLY, sync_folder, write_atomically
from agent.training.errors import TaskFailed, UpdateDamaged
from muster.wire.work import Statement, WorkReason

if TYPE_CHECKING:
    import torch

RECORD = "json"
FILE = "safetensors"

_NAME = re.compile(rf"([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\.([0-9]{{1,4}})\.(?:{RECORD}|{FILE})")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Update:
    """A whole update."""

    statement: Statement
    path: Path


class Updates:
    """The folder of updates; all but `of` and `attempt` read or write and block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._whole: dict[str, Update] = {}
        self._verified: set[Path] = set()

    def load(self) -> None:
        """Find what is on disk, and remove what an end in the middle of writing has left.

        Raises:
            OSError: the folder cannot be made or read.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.sweep()
        tasks = {task for _, task, _ in self._entries()}
        found = {task: self._find(task) for task in tasks}
        self._whole = {task: update for task, update in found.items() if update is not None}

    def of(self, task: str) -> Update | None:
        """Return a task's update, None where there is no whole one."""
        return self._whole.get(task)

    def attempt(self, task: str) -> int:
        """Return the number of the attempt that is being made: that of the newest record, 1 without any."""
        return max((attempt for _, owner, attempt in self._entries() if owner == task), default=1)

    def find(self, task: str) -> Update:
        """Take in what the worker has written.

        Raises:
            TaskFailed: it is not there.
        """
        update = self._find(task)
        if update is None:
            raise TaskFailed(WorkReason.WORKER_DIED, "the worker said that it was done and left no update")
        self._whole[task] = update
        return update

    def verify(self, update: Update, stopping: Callable[[], bool]) -> None:
        """Make sure, once in this process, that a file has the bytes that its record says.

        Raises:
            UpdateDamaged: it has not; it is gone, its record stays.
            Interrupted: `stopping` said so.
        """
        if update.path in self._verified:
            return
        try:
            with update.path.open("rb") as file:
                found = sha256_of(file, stopping).sha256
        except OSError as error:
            found = f"nothing: {error.strerror or error}"
        if found != update.statement.sha256:
            self._whole.pop(update.statement.task, None)
            update.path.unlink(missing_ok=True)
            raise UpdateDamaged(WorkReason.NONE, f"the stored update has other bytes ({found[:12]}); trained again")
        self._verified.add(update.path)

    def doubt(self, update: Update) -> None:
        """Let the next `verify` look at the bytes again."""
        self._verified.discard(update.path)

    def renew(self, update: Update) -> Update:
        """Make an update the next attempt: the same bytes under another number."""
        statement = msgspec.structs.replace(update.statement, attempt=update.statement.attempt + 1)
        renewed = Update(statement, _path(self._folder, statement, FILE))
        write_atomically(_path(self._folder, statement, RECORD), msgspec.json.encode(statement))
        update.path.rename(renewed.path)
        sync_folder(self._folder)
        _path(self._folder, update.statement, RECORD).unlink(missing_ok=True)
        self._whole[statement.task] = renewed
        return renewed

    def retain(self, tasks: Collection[str]) -> None:
        """Remove what belongs to other tasks."""
        self._whole = {task: update for task, update in self._whole.items() if task in tasks}
        for path, task, _ in list(self._entries()):
            if task not in tasks:
                path.unlink(missing_ok=True)
                self._verified.discard(path)

    def sweep(self) -> None:
        """Remove what was written aside and never got its name; only while no worker runs."""
        for path in self._folder.glob(".*"):
            path.unlink(missing_ok=True)

    def _entries(self) -> Iterator[tuple[Path, str, int]]:
        for path in self._folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                yield path, match[1], int(match[2])

    def _find(self, task: str) -> Update | None:
        """Return the newest update of a task whose file has the size that its record says."""
        attempts = sorted({attempt for _, owner, attempt in self._entries() if owner == task}, reverse=True)
        for attempt in attempts:
            path = self._folder / f"{task}.{attempt}.{FILE}"
            try:
                statement = msgspec.json.decode(path.with_suffix(f".{RECORD}").read_bytes(), type=Statement)
                if path.stat().st_size == statement.size_bytes:
                    return Update(statement, path)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError) as error:
                log.error("%s is not used: %s", path, error)  # noqa: TRY400
        return None


def store(
    folder: Path,
    task: str,
    attempt: int,
    tensors: Mapping[str, "torch.Tensor"],
    describe: Callable[[str, int], Statement],
) -> None:
    """Write an update and its record, durably; runs in the worker.

    Args:
        describe: returns the statement for the file's hash and size.

    Raises:
        OSError: the disk does not take it; nothing has its name.
    """
    from muster.tensors import safetensors

    path = folder / f"{task}.{attempt}.{FILE}"
    aside = path.with_name(f".{path.name}")
    try:
        safetensors.write(aside, tensors)
        with aside.open("r+b") as file:
            os.fchmod(file.fileno(), OWNER_ONLY)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            os.fsync(file.fileno())
        write_atomically(path.with_suffix(f".{RECORD}"), msgspec.json.encode(describe(digest, size_bytes)))
        aside.rename(path)
        sync_folder(folder)
    finally:
        aside.unlink(missing_ok=True)


def _path(folder: Path, statement: Statement, kind: str) -> Path:
    return folder / f"{statement.task}.{statement.attempt}.{kind}"
