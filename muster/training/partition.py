"""Uneven data on purpose: one set of samples cut into members' parts whose labels are skewed.

For each class, shares of the members are drawn from a symmetric Dirichlet distribution, as in Yurochkin et
al. 2019, "Bayesian Nonparametric Federated Learning of Neural Networks", section 4. At alpha = 0.3 most of a
member's samples are of a few classes; at 100 all members look alike.

The draws are numpy's default generator's. They are the same wherever numpy is the same; numpy may change its
distributions from one version to another, and then all members of a job need one version for their parts to
be disjoint. Nothing that is signed or hashed comes from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muster.wire.work import Partition
from muster.workloads.declaration import Dataset

if TYPE_CHECKING:
    import numpy as np

    Indices = np.ndarray[Any, np.dtype[np.int64]]

LEAST_SAMPLES = 8  # that every member has, so that none is invited for nothing


def split(labels: np.ndarray[Any, Any], *, alpha: float, members: int, seed: int) -> list[Indices]:
    """Return each member's indices, sorted; together they are all there are, each once.

    Who was dealt fewer than LEAST_SAMPLES (or an even share, if that is less) gets some of those who have most.

    Args:
        labels: (N,) int, N ≥ members.
        alpha: concentration, above 0.

    Raises:
        ValueError: there are more members than samples, or `index` is none of them.
    """
    import numpy as np

    if not 0 < members <= len(labels):
        raise ValueError(f"{len(labels)} samples cannot be parted among {members} members")
    rng = np.random.default_rng([seed, members])
    parts: list[list[Indices]] = [[] for _ in range(members)]
    for label in np.unique(labels):
        of_class = rng.permutation(np.flatnonzero(labels == label))
        edges = np.cumsum(rng.dirichlet(np.full(members, alpha)))[:-1]
        for part, dealt in zip(parts, np.split(of_class, np.rint(edges * len(of_class)).astype(int)), strict=True):
            part.append(dealt)
    dealt_all = [rng.permutation(np.concatenate(part)) for part in parts]
    return [np.sort(part) for part in _evened(dealt_all, min(LEAST_SAMPLES, len(labels) // members))]


def part(dataset: Dataset, partition: Partition) -> Dataset:
    """Return the member's part of a dataset; ValueError with a message for people where there is none."""
    if partition.index >= partition.members:
        raise ValueError(f"member {partition.index} is none of {partition.members}, which count from 0")
    alpha = partition.alpha_millionths / 1_000_000
    parts = split(dataset.labels, alpha=alpha, members=partition.members, seed=partition.seed)
    return dataset.take(parts[partition.index])


def _evened(parts: list[Indices], least: int) -> list[Indices]:
    """Return the parts with at least so many in each: what is missing comes, one by one, from the largest part."""
    import numpy as np

    sizes = np.array([len(part) for part in parts])
    given: list[list[int]] = [[] for _ in parts]
    for poor in np.flatnonzero(sizes < least):
        while sizes[poor] < least:
            rich = int(sizes.argmax())
            sizes[rich] -= 1
            sizes[poor] += 1
            # The rich never got anything: whoever is below `least` ends at it, and the largest lies above.
            given[poor].append(int(parts[rich][sizes[rich]]))
    return [
        np.concatenate([part[:size], np.array(more, np.int64)]) if more else part[:size]
        for part, size, more in zip(parts, sizes, given, strict=True)
    ]
