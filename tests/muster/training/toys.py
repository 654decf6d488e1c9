"""Samples and first weights for the toy workload and for a linear one whose training can be computed by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from muster.shards import modules
from muster.wire.work import LocalTraining
from muster.workloads.declaration import Component, Dataset, RawInput, Tensor, Variant, Workload
from tests.muster.toy import TOY

States = dict[str, dict[str, torch.Tensor]]

LOCAL = LocalTraining(epochs=2, batch_size=8, learning_rate_millionths=50_000, momentum_millionths=900_000, seed=5)

FULL = (Variant("full", "Full network"),)


def states(workload: Workload, seed: int = 1) -> States:
    return {c.name: modules.initial(workload, c.name, c.variants[0].name, seed) for c in workload.components}


def samples(count: int = 30, seed: int = 0, with_words: bool = True) -> Dataset:
    """Return samples of the toy; a third have no picture, and some, or all, no words."""
    rng = np.random.default_rng(seed)
    pictures = rng.random((count, 1, 8, 8), dtype=np.float32)
    words = rng.integers(1, 11, (count, 5))
    there = {"vision": np.arange(count) % 3 != 0, "text": (np.arange(count) % 5 != 1) & with_words}
    pictures[~there["vision"]] = 0
    words[~there["text"]] = 0
    return Dataset({"picture": pictures, "words": words}, rng.integers(0, 3, count), there, synthetic=True)


class Map(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, 3, dtype=torch.float32)

    def forward(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.map(values)}


LINEAR = dataclasses.replace(
    TOY,
    name="linear",
    inputs=(RawInput(Tensor("values", (4,)), "motion", "terminal", may_leave=True),),
    components=(
        Component("only", "motion", ("values",), (Tensor("logits", (3,)),), "cloud", FULL, lambda variant: Map(4)),
    ),
)


def points(count: int, seed: int = 0) -> Dataset:
    """Return samples of the linear workload."""
    rng = np.random.default_rng(seed)
    values, labels = rng.normal(size=(count, 4)).astype(np.float32), rng.integers(0, 3, count)
    return Dataset({"values": values}, labels, {"motion": np.ones(count, bool)}, synthetic=True)
