"""How well a model answers: with all its evidence, and with each modality alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from muster.shards import modules
from muster.workloads.declaration import Dataset, Workload

if TYPE_CHECKING:
    import numpy as np
    import torch

ALL = "all"
BATCH = 512  # samples at once


def evaluate(
    workload: Workload, states: Mapping[str, Mapping[str, torch.Tensor]], dataset: Dataset
) -> dict[str, dict[str, float]]:
    """Return the workload's metrics under `all`, and under each modality's name where there are several.

    A modality alone is the same model with every other raw input zero, which is how absent inputs look. It
    is asked about all samples: those that lack the modality too, which then show nothing.

    Args:
        states: component → name inside it → tensor of the reference variant.

    Raises:
        ShardError: the states do not fit, or the workload's own code failed.
    """
    model = modules.whole(workload, states)
    kinds = dict.fromkeys(raw.modality for raw in workload.inputs)  # in the declaration's order
    found = {ALL: workload.metrics(_logits(workload, model, dataset.inputs), dataset.labels)}
    for kind in kinds if len(kinds) > 1 else ():
        found[kind] = workload.metrics(_logits(workload, model, alone(workload, dataset, kind)), dataset.labels)
    return found


def alone(workload: Workload, dataset: Dataset, modality: str) -> dict[str, np.ndarray[Any, Any]]:
    """Return the raw inputs with everything zero that is not of the modality."""
    import numpy as np

    kinds = {raw.tensor.name: raw.modality for raw in workload.inputs}
    return {
        name: values if kinds[name] == modality else np.zeros_like(values) for name, values in dataset.inputs.items()
    }


def _logits(
    workload: Workload, model: torch.nn.Module, inputs: Mapping[str, np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    """Return the answers (N, classes)."""
    import numpy as np
    import torch

    count = len(next(iter(inputs.values())))
    parts = []
    with torch.inference_mode():
        for begin in range(0, count, BATCH):
            # Copied, because torch warns of memory that it may not write.
            batch = {name: torch.from_numpy(values[begin : begin + BATCH].copy()) for name, values in inputs.items()}
            parts.append(model(**batch)[workload.output].numpy())
    return np.concatenate(parts) if parts else np.empty((0, len(workload.classes)), np.float32)
