"""What is done next follows from how things are."""

import msgspec

from agent.training.decide import Action, Fetch, Train, Upload, candidates
from muster.ids import uuid7
from muster.wire.work import BaseShard, JobKind, LocalTraining, TrainingTask

LOCAL = LocalTraining(1, 1, 1, 0, 0)
FIRST, SECOND = (BaseShard("vision", "full", letter * 64, letter * 64, 7) for letter in "ab")
TASK = TrainingTask(
    task=str(uuid7()),
    round=str(uuid7()),
    round_number=1,
    job=str(uuid7()),
    kind=JobKind.HORIZONTAL,
    phase="train",
    strategy="fedavg",
    model="digits",
    version_id=str(uuid7()),
    workload="digits",
    workload_version=1,
    manifest_sha256="0" * 64,
    shards=[FIRST, SECOND, FIRST],
    trained=["vision"],
    local=LOCAL,
    partition=None,
    deadline_us=50,
)
SOONER = msgspec.structs.replace(TASK, task=str(uuid7()), deadline_us=40)


def due(
    *tasks: TrainingTask,
    done: tuple[str, ...] = (),
    updates: tuple[str, ...] = (),
    held: tuple[BaseShard, ...] = (FIRST, SECOND),
) -> list[Action]:
    return list(candidates(tasks, done, updates.__contains__, held.__contains__))


def test_without_work_there_is_nothing_to_do() -> None:
    assert due() == []


def test_what_is_missing_is_fetched_once_and_first() -> None:
    assert due(TASK, held=()) == [Fetch(TASK.task, "a" * 64, 7), Fetch(TASK.task, "b" * 64, 7)]
    assert due(TASK, held=(FIRST,)) == [Fetch(TASK.task, "b" * 64, 7)]


def test_a_task_whose_files_are_here_is_trained_the_one_with_the_nearest_deadline_first() -> None:
    assert due(TASK, SOONER) == [Train(SOONER.task), Train(TASK.task)]


def test_what_was_learned_is_handed_over_and_never_learned_again() -> None:
    assert due(TASK, updates=(TASK.task,), held=()) == [Upload(TASK.task)]


def test_what_the_server_has_is_done() -> None:
    assert due(TASK, done=(TASK.task,), updates=(TASK.task,)) == []
