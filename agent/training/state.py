"""How the tasks stand on this device: facts, from which the next action and every word of progress are derived."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.artifacts.shelf import Shelf
from agent.backoff import full_jitter_s
from agent.training.decide import Action, Fetch, Train, candidates
from agent.training.errors import TaskFailed
from agent.training.updates import Updates
from agent.training.works import Works
from muster.wire.messages import TaskProgress
from muster.wire.work import BaseShard, TrainingTask, WorkReason, WorkState

DEATHS = 3  # of the worker, in one task: the third shows that it was not the device's bad moment
DETAIL_CHARACTERS = 300

_RETRIED = (WorkReason.UNREACHABLE, WorkReason.DISK_FULL, WorkReason.MEMORY_SHORT, WorkReason.WORKER_DIED)


@dataclass(frozen=True)
class Patience:
    """First and last ceiling of the back-off, which has full jitter; tests are less patient."""

    retry_s: float = 1.0
    retry_cap_s: float = 60.0

    def retry_after_s(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return full_jitter_s(failures, self.retry_s, self.retry_cap_s)


@dataclass(frozen=True)
class Failure:
    """Why a task is not further.

    Attributes:
        count: how often in a row.
        retry_at: on the monotonic clock; infinite where trying again cannot help.
        counter: of the work that it happened under.
    """

    reason: WorkReason
    detail: str
    count: int
    retry_at: float
    counter: int

    @property
    def is_final(self) -> bool:
        return math.isinf(self.retry_at)


@dataclass
class State:
    """The facts.

    Attributes:
        doing: the actions in progress.
        failures: actions that failed, for as long as they are due.
        delivered: tasks whose update the server has taken whole.
        confirmed: those of them of which it said so since the last Welcome.
        steps: task → batches done and in all, of the training in progress.
        sent_bytes: task → bytes of the update that the server has.
    """

    works: Works
    updates: Updates
    shelf: Shelf
    patience: Patience
    now: Callable[[], float] = time.monotonic
    doing: set[Action] = field(default_factory=set)
    failures: dict[Action, Failure] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    steps: dict[str, tuple[int, int]] = field(default_factory=dict)
    sent_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def counter(self) -> int:
        """Of the accepted work, 0 without any."""
        return self.works.accepted.counter if self.works.accepted else 0

    @property
    def tasks(self) -> list[TrainingTask]:
        """Of the accepted work."""
        return self.works.accepted.tasks if self.works.accepted else []

    def task(self, name: str) -> TrainingTask | None:
        """Return a task of the accepted work, None where it is no longer asked for."""
        return next((task for task in self.tasks if task.task == name), None)

    def needed(self) -> set[str]:
        """Return the artifacts that must stay."""
        return {shard.artifact_sha256 for task in self.tasks for shard in task.shards}

    def holds(self, shard: BaseShard) -> bool:
        """Return whether a shard's file is on the shelf."""
        return self.shelf.holds(shard.artifact_sha256, shard.size_bytes)

    def candidates(self) -> Iterator[Action]:
        """Return what there is to do, the most urgent first."""
        return candidates(self.tasks, self.confirmed, lambda task: self.updates.of(task) is not None, self.holds)

    def note_failure(self, action: Action, error: TaskFailed) -> Failure:
        """Note that an action failed, and when it is tried again."""
        before = self.failures.get(action)
        count = before.count + 1 if before and before.reason == error.reason else 1
        is_last = error.reason not in _RETRIED or (error.reason == WorkReason.WORKER_DIED and count >= DEATHS)
        retry_at = math.inf if is_last else self.now() + self.patience.retry_after_s(count)
        failure = Failure(error.reason, error.detail, count, retry_at, self.counter)
        self.failures[action] = failure
        return failure

    def forget(self) -> None:
        """Drop what no longer matters; newer work that names a refused task once more asks for it again."""
        due, named = set(self.candidates()), {task.task for task in self.tasks}
        self.failures = {
            action: failure
            for action, failure in self.failures.items()
            if action in due and (failure.reason != WorkReason.REFUSED or failure.counter == self.counter)
        }
        self.delivered &= named
        self.confirmed &= named
        self.steps = {task: steps for task, steps in self.steps.items() if task in named}
        self.sent_bytes = {task: sent for task, sent in self.sent_bytes.items() if task in named}

    def progress(self, task: TrainingTask) -> TaskProgress:
        """Return how far one task has come; a failure that is tried again leaves its state and gives a reason."""
        state, done, total = self._standing(task)
        known = {action: failure for action, failure in self.failures.items() if action.task == task.task}
        failure = max(known.values(), key=lambda failure: failure.is_final, default=None)
        if failure is None or state is WorkState.DONE:
            return TaskProgress(task.task, state, WorkReason.NONE, "", done, total)
        if failure.is_final:
            state, done, total = WorkState.FAILED, 0, 0
        return TaskProgress(task.task, state, failure.reason, failure.detail[:DETAIL_CHARACTERS], done, total)

    def _standing(self, task: TrainingTask) -> tuple[WorkState, int, int]:
        name, update = task.task, self.updates.of(task.task)
        if update is not None:
            size_bytes = update.statement.size_bytes
            if name in self.delivered:
                return WorkState.DONE, size_bytes, size_bytes
            return WorkState.UPLOADING, self.sent_bytes.get(name, 0), size_bytes
        if Train(name) in self.doing:
            return WorkState.TRAINING, *self.steps.get(name, (0, 0))
        begun = [*self.doing, *self.failures]
        if any(isinstance(action, Fetch) and action.task == name for action in begun):
            sizes = {shard.artifact_sha256: shard.size_bytes for shard in task.shards}
            have_bytes = sum(min(size, self.shelf.have_bytes(sha256)) for sha256, size in sizes.items())
            return WorkState.FETCHING, have_bytes, sum(sizes.values())
        return WorkState.INVITED, 0, 0
