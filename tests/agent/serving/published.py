"""Published models for the agent's tests: real weights in real files, and the targets that name them."""

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from muster.ids import uuid7
from muster.wire.targets import FORMAT, Generation, NodeTarget, PlacedModel, Shard
from muster.workloads import catalogue
from muster.workloads.declaration import Workload

NOTHING = hashlib.sha256(b"").hexdigest()
INTERVAL_MS = 50


@dataclass(frozen=True)
class Published:
    """One component in one variant: its shard and the file's bytes."""

    shard: Shard
    data: bytes


@cache
def component(workload: str, name: str, variant: str | None = None, seed: int = 1, key: int = 0) -> Published:
    """Publish a component of an installed workload with the weights of a seed."""
    return publish(catalogue.get(workload), name, variant, seed, key)


def publish(workload: Workload, name: str, variant: str | None = None, seed: int = 1, key: int = 0) -> Published:
    from muster.shards import modules, probe, shard
    from muster.tensors import safetensors

    variant = variant or workload.component(name).variants[0].name
    with TemporaryDirectory() as folder:
        path = Path(folder) / "weights"
        safetensors.write(path, modules.initial(workload, name, variant, seed))
        loaded = shard.load(workload, name, variant, path)
        data = path.read_bytes()
        key = key or int.from_bytes(hashlib.sha256(f"{workload.name}/{name}/{variant}/{seed}".encode()).digest()[:4])
        described = Shard(
            key=key,
            component=name,
            variant=variant,
            artifact_sha256=hashlib.sha256(data).hexdigest(),
            weights_sha256=loaded.weights_sha256(),
            size_bytes=len(data),
            probe=probe.make(loaded, f"{name}/{seed}"),
        )
    return Published(described, data)


def placed(workload: str, *parts: Published, workload_version: int | None = None) -> PlacedModel:
    """Return the part of a model that a plan puts on a node."""
    version = workload_version or catalogue.get(workload).version
    return PlacedModel(
        model=workload,
        version_id=str(uuid7()),
        version=1,
        workload=workload,
        workload_version=version,
        manifest_sha256=NOTHING,
        plan_sha256=NOTHING,
        shards=[part.shard for part in parts],
    )


def target(node: str, counter: int, *models: PlacedModel, epoch: int = 1) -> NodeTarget:
    """Return a node's target."""
    generation: Generation = (epoch, counter)
    return NodeTarget(FORMAT, node, generation, 1_700_000_000_000_000, INTERVAL_MS, list(models))


def spoiled(part: Published) -> bytes:
    """Return the bytes with one bit of a weight flipped."""
    return part.data[:-5] + bytes([part.data[-5] ^ 0x10]) + part.data[-4:]


def with_weights(part: Published, weights_sha256: str) -> Published:
    """Return the part as somebody publishes it who names other weights."""
    return replace(part, shard=msgspec.structs.replace(part.shard, weights_sha256=weights_sha256))
