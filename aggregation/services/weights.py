"""The files that a round is computed from: the base as one file, and the updates in the order of their sum."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aggregation.core import strategies
from aggregation.core.lifecycle import Verdict
from aggregation.models import Round, Update
from fleet.registry.models import Artifact, ModelVersion
from fleet.registry.services import blobs
from muster.shards import naming, shard
from muster.tensors import accumulate, safetensors
from muster.tensors.accumulate import Weighted
from muster.workloads.declaration import Workload

if TYPE_CHECKING:
    import torch


def references(version: ModelVersion) -> list[Artifact]:
    """Return a version's artifacts in their reference variants, in order of the components."""
    rows = Artifact.objects.filter(component__version=version, is_reference=True).select_related("component")
    return list(rows.order_by("component__position"))


def states(workload: Workload, artifacts: Mapping[str, tuple[str, str]]) -> "dict[str, dict[str, torch.Tensor]]":
    """Return component → name inside it → tensor, as views of mapped files.

    Args:
        artifacts: component → its variant and its file's SHA-256.
    """
    store = blobs.store()
    return {
        component: shard.load(workload, component, variant, store.path(sha256)).module.state_dict()
        for component, (variant, sha256) in artifacts.items()
    }


@contextlib.contextmanager
def whole(workload: Workload, version: ModelVersion) -> Iterator[Path]:
    """Yield a file of all tensors of a version in its reference variants; the same version makes the same bytes."""
    found = {row.component.name: (row.variant, row.artifact_sha256) for row in references(version)}
    tensors = {
        naming.full(component, None, rest): tensor
        for component, state in states(workload, found).items()
        for rest, tensor in state.items()
    }
    with blobs.store().draft() as draft:
        safetensors.write(draft, tensors)
        yield draft


def accepted(round: Round) -> list[Update]:
    """Return the updates that count, in order of their nodes' uids: the order is part of the result."""
    rows = Update.objects.filter(phase__round=round, verdict=Verdict.ACCEPTED)
    return list(rows.select_related("node").order_by("node__uid"))


def aggregate(round: Round, workload: Workload, updates: Sequence[Update], out: Path) -> None:
    """Write the model that these updates make of the round's base."""
    strategy = strategies.get(round.job.strategy)
    store = blobs.store()
    weighted = [Weighted(store.path(update.sha256), strategy.weights(update.samples)) for update in updates]
    with whole(workload, round.base_version) as base:
        accumulate.aggregate(base, weighted, out, combine=strategy.combine)
