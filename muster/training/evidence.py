"""Which samples can teach which component: those that have any of the modalities that reach it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import Dataset, Workload
from muster.workloads.scoring import UNKNOWN

if TYPE_CHECKING:
    import numpy as np


def modalities(workload: Workload) -> dict[str, frozenset[str]]:
    """Return component → modalities of the raw inputs that it works on, itself or through those before it."""
    of_tensor = {raw.tensor.name: frozenset({raw.modality}) for raw in workload.inputs}
    found: dict[str, frozenset[str]] = {}
    for component in workload.components:  # each follows those whose outputs it takes
        found[component.name] = frozenset().union(*(of_tensor[name] for name in component.inputs))
        of_tensor |= {tensor.name: found[component.name] for tensor in component.outputs}
    return found


def labelled(dataset: Dataset) -> np.ndarray[Any, Any]:
    """Return the indices (M,) of the samples whose label is known, in their order."""
    import numpy as np

    return np.flatnonzero(np.asarray(dataset.labels) != UNKNOWN)


def samples(workload: Workload, dataset: Dataset, trained: Collection[str]) -> dict[str, int]:
    """Return trained component → labelled samples with any of its modalities; without one the component is left out.

    A modality that the dataset says nothing of is in no sample.
    """
    import numpy as np

    chosen, counted = labelled(dataset), {}
    for component, kinds in modalities(workload).items():
        there = np.zeros(len(dataset), bool)
        for kind in kinds & dataset.present.keys():
            there |= dataset.present[kind]
        count = int(there[chosen].sum())
        if component in trained and count:
            counted[component] = count
    return counted
