"""A member's side of a round, without a device: it reads its work and lays down what the gateway would have stored."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from django.utils import timezone

from aggregation.models import TrainingJob
from aggregation.services import compute, reconcile
from fleet.registry.models import Node, NodeWork, Submission, WorkProgress
from fleet.registry.services import blobs
from muster.shards import modules
from muster.tensors import safetensors
from muster.wire.work import NodeWork as Work
from muster.wire.work import TrainingTask, WorkReason, WorkState, read
from muster.workloads import catalogue

Tensors = dict[str, np.ndarray]
SAMPLES = {"vision": 40, "head": 40}
STEP = 0.01


def work_of(node: Node) -> Work:
    """Return the newest work that was issued to a node."""
    return read(bytes(NodeWork.objects.get(node=node).document))


def task_of(node: Node) -> TrainingTask:
    (task,) = work_of(node).tasks
    return task


def delta(node: Node, task: TrainingTask, components: Mapping[str, int] = SAMPLES, scale: float = STEP) -> Tensors:
    """Return differences that hang on the node and the round alone."""
    workload = catalogue.get(task.workload)
    seed = hashlib.sha256(node.uid.bytes + task.round_number.to_bytes(4, "big")).digest()
    rng = np.random.default_rng(list(seed))
    made = {}
    for component in components:
        reference = workload.component(component).variants[0].name
        for rest, (_dtype, shape) in sorted(modules.expected(workload, component, reference).items()):
            made[f"{component}.{rest}"] = (scale * rng.standard_normal(shape)).astype(np.float32)
    return made


def submit(
    node: Node,
    task: TrainingTask,
    tensors: Tensors | None = None,
    *,
    samples: Mapping[str, int] = SAMPLES,
    attempt: int = 1,
    state: str = Submission.State.COMPLETE,
    kind: str = "plain",
    data: bytes | None = None,
) -> Submission:
    """Lay down an update as the gateway stores it, and return its row."""
    store = blobs.store()
    if data is not None:
        sha256, size_bytes = store.put_bytes(data), len(data)
    else:
        with store.draft() as draft:
            safetensors.write(draft, delta(node, task, samples) if tensors is None else tensors)
            size_bytes = draft.stat().st_size
            sha256 = store.keep(draft)
    statement = {
        "node": str(node.uid), "task": task.task, "attempt": attempt, "kind": kind, "sha256": sha256,
        "size_bytes": size_bytes, "samples": dict(samples), "loss_before_millionths": 2_300_000,
        "loss_after_millionths": 1_100_000, "trained_ms": 250,
    }  # fmt: skip
    complete = state == Submission.State.COMPLETE
    return Submission.objects.create(
        node=node, task=task.task, attempt=attempt, kind=kind, state=state, statement=statement,
        signature_value=b"", sha256=sha256, size_bytes=size_bytes,
        received_bytes=size_bytes if complete else 0, completed_at=timezone.now() if complete else None,
    )  # fmt: skip


def say(
    node: Node, task: TrainingTask, state: WorkState, reason: WorkReason = WorkReason.NONE, detail: str = ""
) -> None:
    """Say how far a node has come, as the gateway stores it."""
    WorkProgress.objects.update_or_create(
        node=node, task=task.task, defaults={"state": state.value, "reason": reason.value, "detail": detail}
    )


def look(**options: Any) -> dict[str, int]:
    """Reconcile without waking anybody."""
    return reconcile.run(wake=lambda _round: None, **options)


def settle(**options: Any) -> None:
    """Reconcile until nothing moves."""
    for _ in range(20):
        if not any(look(**options).values()):
            return
    raise AssertionError("it goes on moving")


def drive(job: TrainingJob, answer: Callable[[], None], rounds: int = 1) -> None:
    """Let every round be opened, answered and computed."""
    for _ in range(rounds):
        look()
        answer()
        look()
        assert compute.run_all() == 1
    look()
    job.refresh_from_db()
