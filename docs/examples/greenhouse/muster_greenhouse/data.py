"""Days, generated: the sun drives light and warmth, warmth dries the air. Hot days want air, dry ones water."""

from __future__ import annotations

import numpy as np

from muster.workloads import folders
from muster.workloads.declaration import Dataset, Source

from . import HOURS, WORKLOAD

DAYS = 400
HELD_OUT = (1, 1)  # the seed of the part that nobody trains on; every other seed begins with 0


def read(source: Source) -> Dataset:
    if source.folder is not None:
        return folders.read(WORKLOAD, source)
    rng = np.random.default_rng(HELD_OUT if source.held_out else (0, source.seed))
    sun = np.clip(np.sin(2 * np.pi * (np.arange(HOURS) - 6) / HOURS), 0, None)  # (24,), rises at six
    heat, drought = rng.uniform(0, 1, (2, DAYS, 1))
    light = 0.9 * sun + np.zeros((DAYS, 1))
    warmth = 0.3 + 0.5 * heat * sun
    damp = 0.8 - 0.5 * drought - 0.2 * warmth
    days = np.stack([warmth, damp, light], axis=1) + rng.normal(0, 0.03, (DAYS, 3, HOURS))  # (N, 3, 24)
    labels = np.where(heat > 0.66, 1, np.where(drought > 0.6, 2, 0))[:, 0]
    chosen = slice(source.limit)
    present = {"climate": np.ones(DAYS, bool)[chosen]}
    return Dataset({"day": days.astype(np.float32)[chosen]}, labels[chosen].astype(np.int64), present, synthetic=True)
