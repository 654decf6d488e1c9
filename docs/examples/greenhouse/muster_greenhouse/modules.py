"""The two modules. Inputs come by name, outputs go by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import CLASSES, FEATURES, HOURS


class Climate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.day = nn.Linear(3 * HOURS, FEATURES)

    def forward(self, day: Tensor) -> dict[str, Tensor]:  # (N, 3, 24)
        return {"climate_features": torch.tanh(self.day(day.flatten(1)))}  # (N, 16)


class Advice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(FEATURES, len(CLASSES))

    def forward(self, climate_features: Tensor) -> dict[str, Tensor]:  # (N, 16)
        return {"logits": self.classes(climate_features)}  # (N, 3)
