"""Tasks for the agent's tests: published weights of a real workload, and the work that names them."""

from pathlib import Path

import msgspec

from agent.installed import node_seed
from muster.ids import uuid7
from muster.training.local import train
from muster.wire.work import (
    FORMAT,
    BaseShard,
    JobKind,
    LocalTraining,
    NodeWork,
    Partition,
    TrainingTask,
)
from muster.workloads import catalogue
from muster.workloads.declaration import Source
from tests.agent.gateway import Gateway
from tests.agent.serving.published import NOTHING, Published, component

LOCAL = LocalTraining(epochs=2, batch_size=32, learning_rate_millionths=20_000, momentum_millionths=0, seed=5)
# Few samples: a member's tiny part of the digits.
PARTITION = Partition(alpha_millionths=100_000_000, members=40, index=7, seed=3)


def parts(workload: str = "digits", seed: int = 1) -> list[Published]:
    """Return every component of a workload in its reference variant."""
    return [component(workload, one.name, seed=seed) for one in catalogue.get(workload).components]


def task(gateway: Gateway, workload: str = "digits", *, seed: int = 1, epochs: int = 2, **more: object) -> TrainingTask:
    """Return a task whose base the gateway serves."""
    base = parts(workload, seed)
    gateway.artifacts.files |= {part.shard.artifact_sha256: part.data for part in base}
    names = [part.shard.component for part in base]
    made = TrainingTask(
        task=str(uuid7()),
        round=str(uuid7()),
        round_number=3,
        job=str(uuid7()),
        kind=JobKind.HORIZONTAL,
        phase="train",
        strategy="fedavg",
        model=workload,
        version_id=str(uuid7()),
        workload=workload,
        workload_version=catalogue.get(workload).version,
        manifest_sha256=NOTHING,
        shards=[_base(part) for part in base],
        trained=names,
        local=msgspec.structs.replace(LOCAL, epochs=epochs),
        partition=PARTITION,
        deadline_us=4_000_000_000_000_000,
    )
    return msgspec.structs.replace(made, **more)


def work(node: str, counter: int, *tasks: TrainingTask) -> NodeWork:
    """Return a node's work."""
    return NodeWork(FORMAT, node, counter, 1_700_000_000_000_000, sorted(tasks, key=lambda task: task.task))


def expected(task: TrainingTask, node: str, path: Path) -> tuple[bytes, dict[str, int]]:
    """Return what training in this process makes of the same: the file's bytes, and the samples."""
    import torch

    from muster.shards.shard import load
    from muster.tensors import safetensors

    workload, base = catalogue.get(task.workload), {}
    for part in parts(task.workload):
        path.write_bytes(part.data)
        loaded = load(workload, part.shard.component, part.shard.variant, path)
        base[part.shard.component] = {name: tensor.clone() for name, tensor in loaded.module.state_dict().items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        dataset = workload.data(Source(seed=node_seed(node), partition=task.partition))
        trained = train(
            workload, base, dataset, task.local, trained=task.trained, round_number=task.round_number, node=node
        )
    finally:
        torch.set_num_threads(threads)
    safetensors.write(path, trained.delta)
    return path.read_bytes(), trained.samples


def _base(part: Published) -> BaseShard:
    shard = part.shard
    return BaseShard(shard.component, shard.variant, shard.artifact_sha256, shard.weights_sha256, shard.size_bytes)
