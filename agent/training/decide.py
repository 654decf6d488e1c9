"""What to do next for the tasks of the accepted work: pure, and the same answer however things became so."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from muster.wire.work import BaseShard, TrainingTask


@dataclass(frozen=True)
class Fetch:
    """Bring an artifact that a task begins with to the shelf."""

    task: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Train:
    """Train a task; its artifacts are here."""

    task: str


@dataclass(frozen=True)
class Upload:
    """Hand over what was learned."""

    task: str


Action = Fetch | Train | Upload


def candidates(
    tasks: Collection[TrainingTask],
    handed_over: Collection[str],
    has_update: Callable[[str], bool],
    holds: Callable[[BaseShard], bool],
) -> Iterator[Action]:
    """Return what there is to do, in the order of the tasks' deadlines.

    Args:
        handed_over: tasks whose update the server has, as it said in this connection.
        has_update: whether a whole update of the task is on disk.
        holds: whether a shard's file is on the shelf.
    """
    for task in sorted(tasks, key=lambda task: (task.deadline_us, task.task)):
        if task.task in handed_over:
            continue
        if has_update(task.task):
            yield Upload(task.task)
            continue
        missing = {shard.artifact_sha256: shard.size_bytes for shard in task.shards if not holds(shard)}
        for sha256, size_bytes in missing.items():
            yield Fetch(task.task, sha256, size_bytes)
        if not missing:
            yield Train(task.task)
