"""Trains one task and stores what was learned. Runs in the worker, the only place with torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent import installed
from agent.faults import Fault
from agent.training import updates
from agent.training.errors import TaskFailed, of_fault
from agent.training.protocol import Learn
from muster.shards.errors import RunFailed, ShardError
from muster.training.local import Trained, TrainingError, train
from muster.wire.work import BaseShard, JobKind, Statement, TrainingTask, UpdateKind, WorkReason
from muster.workloads.declaration import Dataset, Source, Workload

if TYPE_CHECKING:
    import torch

OnStep = Callable[[int, int], None]
States = dict[str, dict[str, "torch.Tensor"]]

_MOST_MILLIONTHS = (1 << 53) - 1


def learn(question: Learn, on_step: OnStep) -> None:
    """Train, and store the update.

    Raises:
        TaskFailed: there is none.
    """
    task = question.task
    try:
        if task.kind != JobKind.HORIZONTAL:
            raise TaskFailed(WorkReason.REFUSED, f"this agent takes no part in {task.kind} training; update it")
        installed.use_threads()
        workload = installed.workload(task.workload, task.workload_version, task.model)
        states = {shard.component: _state(workload, shard, question) for shard in task.shards}
        dataset = _dataset(workload, question)
        began_ns = time.monotonic_ns()
        trained = _trained(workload, states, dataset, question, on_step)
        trained_ms = (time.monotonic_ns() - began_ns) // 1_000_000
    except Fault as error:
        raise of_fault(error) from error
    _store(question, trained, trained_ms)


def _state(workload: Workload, shard: BaseShard, question: Learn) -> dict[str, torch.Tensor]:
    """Return the tensors of a base shard, which are those that the task names."""
    from muster.shards.shard import load

    try:
        loaded = load(workload, shard.component, shard.variant, Path(question.files[shard.artifact_sha256]))
        found = loaded.weights_sha256()
    except ImportError as error:
        raise installed.runtime_missing(error) from error
    except ShardError as error:
        raise TaskFailed(WorkReason.WORKLOAD_VERSION, f"{_name(question.task, shard)}: {error}") from error
    except OSError as error:
        raise TaskFailed(WorkReason.UNREACHABLE, f"{_name(question.task, shard)} cannot be read: {error}") from error
    if found != shard.weights_sha256:
        detail = f"the file's tensors hash to {found[:12]}, not to {shard.weights_sha256[:12]}"
        raise TaskFailed(WorkReason.WORKLOAD_VERSION, f"{_name(question.task, shard)}: {detail}")
    return dict(loaded.module.state_dict())


def _dataset(workload: Workload, question: Learn) -> Dataset:
    """Return the device's samples; a folder that does not fit is not replaced by the included data."""
    folder = Path(question.data_dir) if question.data_dir else None
    where = str(folder) if folder else "its included data"
    source = Source(seed=installed.node_seed(question.node), folder=folder, partition=question.task.partition)
    try:
        return workload.data(source)
    except ImportError as error:
        raise installed.runtime_missing(error) from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a workload's own code may raise
        detail = str(error) or type(error).__name__
        raise TaskFailed(WorkReason.NO_DATA, f"{workload.name} cannot use {where}: {detail}") from error


def _trained(workload: Workload, states: States, dataset: Dataset, question: Learn, on_step: OnStep) -> Trained:
    task = question.task
    try:
        return train(
            workload,
            states,
            dataset,
            task.local,
            trained=task.trained,
            round_number=task.round_number,
            node=question.node,
            on_step=on_step,
        )
    except TrainingError as error:
        raise TaskFailed(error.reason, str(error)) from error
    except (RunFailed, RuntimeError) as error:
        if "allocate memory" in str(error):  # how torch says it
            raise TaskFailed(WorkReason.MEMORY_SHORT, "training was given no more memory") from error
        raise TaskFailed(WorkReason.WORKER_DIED, f"{task.model}: {type(error).__name__}: {error}") from error
    except ShardError as error:
        raise TaskFailed(WorkReason.WORKLOAD_VERSION, f"{task.model}: {error}") from error


def _store(question: Learn, trained: Trained, trained_ms: int) -> None:
    task = question.task

    def describe(sha256: str, size_bytes: int) -> Statement:
        return Statement(
            node=question.node,
            task=task.task,
            attempt=question.attempt,
            kind=UpdateKind.PLAIN,
            sha256=sha256,
            size_bytes=size_bytes,
            samples=trained.samples,
            loss_before_millionths=_millionths(trained.loss_before),
            loss_after_millionths=_millionths(trained.loss_after),
            trained_ms=trained_ms,
        )

    try:
        updates.store(Path(question.folder), task.task, question.attempt, trained.delta, describe)
    except OSError as error:
        detail = f"the disk does not take the update: {error.strerror or error}"
        raise TaskFailed(WorkReason.DISK_FULL, detail) from error


def _millionths(loss: float) -> int | None:
    """Return a loss in millionths, None where it is none that a statement can hold."""
    value = round(loss * 1_000_000)
    return value if 0 <= value <= _MOST_MILLIONTHS else None


def _name(task: TrainingTask, shard: BaseShard) -> str:
    return f"{task.model} {shard.component}/{shard.variant}"
