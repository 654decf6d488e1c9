"""The digits' samples: the included images, or a device's own files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import Dataset, Source

if TYPE_CHECKING:
    import numpy as np

SPLIT_SEED = 1797  # for ever: who changed it would train on what others were measured with
HELD_OUT_SHARE = 0.2
NODE_SHARE = 0.25  # of the training part, what one node sees

BRIGHTEST = 16.0  # scikit-learn gives counts from 0 to 16


def read(source: Source) -> Dataset:
    """Return the held-out part, a node's subset or a member's part of the training part, or the samples of a folder."""
    if source.folder is not None:
        from muster.workloads import digits, folders

        return folders.read(digits.WORKLOAD, source)
    if source.held_out:
        return _dataset(_split()[1], source.limit)
    training = _split()[0]
    if source.partition is not None:
        from muster.training import partition

        return partition.part(training_part(), source.partition).take(slice(source.limit))
    return _dataset(_shuffled(training, source.seed)[: round(len(training) * NODE_SHARE)], source.limit)


def training_part() -> Dataset:
    """Return all that nodes may train on, for whoever compares with training in one place."""
    return _dataset(_split()[0], None)


@cache
def _images() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return all images (1797, 1, 8, 8) in [0, 1] and their labels."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images / BRIGHTEST).astype(np.float32)[:, None]
    return images, digits.target.astype(np.int64)


@cache
def _split() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the indices of the training part and of the held-out part."""
    import numpy as np

    total = len(_images()[1])
    order = _shuffled(np.arange(total), SPLIT_SEED)
    held_out = round(total * HELD_OUT_SHARE)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _shuffled(indices: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.random.default_rng(seed).permutation(indices)


def _dataset(indices: np.ndarray[Any, Any], limit: int | None) -> Dataset:
    import numpy as np

    images, labels = _images()
    chosen = indices[:limit]
    return Dataset({"image": images[chosen]}, labels[chosen], {"vision": np.ones(len(chosen), bool)}, synthetic=False)
