"""Days, generated: the sun drives light and warmth, warmth dries the air. Hot days want air, dry ones water."""

from __future__ import annotations

import numpy as np

from muster.training import partition
from muster.workloads import folders
from muster.workloads.declaration import Dataset, Source

from . import HOURS, WORKLOAD

DAYS = 400
# Seeds begin with 0 for a node, with 1 for the part that nobody trains on, with 2 for what members share among them.
HELD_OUT = (1, 1)


def read(source: Source) -> Dataset:
    if source.folder is not None:
        return folders.read(WORKLOAD, source)
    if source.held_out:
        return _days(HELD_OUT).take(slice(source.limit))
    if source.partition is not None:
        return partition.part(_days((2, source.partition.seed)), source.partition).take(slice(source.limit))
    return _days((0, source.seed)).take(slice(source.limit))


def _days(seed: tuple[int, int]) -> Dataset:
    rng = np.random.default_rng(seed)
    sun = np.clip(np.sin(2 * np.pi * (np.arange(HOURS) - 6) / HOURS), 0, None)  # (24,), rises at six
    heat, drought = rng.uniform(0, 1, (2, DAYS, 1))
    light = 0.9 * sun + np.zeros((DAYS, 1))
    warmth = 0.3 + 0.5 * heat * sun
    damp = 0.8 - 0.5 * drought - 0.2 * warmth
    days = np.stack([warmth, damp, light], axis=1) + rng.normal(0, 0.03, (DAYS, 3, HOURS))  # (N, 3, 24)
    labels = np.where(heat > 0.66, 1, np.where(drought > 0.6, 2, 0))[:, 0]
    present = {"climate": np.ones(DAYS, bool)}
    return Dataset({"day": days.astype(np.float32)}, labels.astype(np.int64), present, synthetic=True)
