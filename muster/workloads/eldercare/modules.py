"""The networks of the eldercare workload.

An input of zeros alone is absent (a wearable that is worn always measures gravity). An encoder
answers zeros for it, which the fusion reads as absent in its turn, so no other input says who is there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def present(values: Tensor) -> Tensor:
    """Return (N, 1): 1 where a sample holds anything but zeros, in float32."""
    return (values != 0).flatten(1).any(dim=1, keepdim=True).float()


class Motion(nn.Module):
    """Convolutions over time; the mean sees posture and gait, the maximum sees an impact."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(3, 16, 5, stride=2, padding=2)
        self.second = nn.Conv1d(16, 32, 5, stride=2, padding=2)
        self.features = nn.Linear(64, features)

    def forward(self, motion: Tensor) -> dict[str, Tensor]:  # (N, 3, 64)
        time = functional.relu(self.second(functional.relu(self.first(motion))))  # (N, 32, 16)
        pooled = torch.cat([time.mean(dim=2), time.amax(dim=2)], dim=1)  # (N, 64)
        return {"motion_features": torch.tanh(self.features(pooled)) * present(motion)}


class Vision(nn.Module):
    """Two convolutions with strides; what is left of the grid still tells bed from floor."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.features = nn.Linear(16 * 4 * 4, features)

    def forward(self, silhouette: Tensor) -> dict[str, Tensor]:  # (N, 1, 16, 16)
        grid = functional.relu(self.second(functional.relu(self.first(silhouette))))  # (N, 16, 4, 4)
        return {"vision_features": torch.tanh(self.features(grid.flatten(1))) * present(silhouette)}


class Text(nn.Module):
    """The mean of the words' vectors, then one layer; order says little in notes this short."""

    WIDTH = 24

    def __init__(self, vocabulary: int, features: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, self.WIDTH)
        self.features = nn.Linear(self.WIDTH, features)

    def forward(self, note: Tensor) -> dict[str, Tensor]:  # (N, LENGTH) int64, 0 is no word
        said = (note != 0).unsqueeze(2).float()  # (N, LENGTH, 1)
        mean = (self.words(note) * said).sum(dim=1) / said.sum(dim=1).clamp(min=1)  # (N, WIDTH)
        return {"text_features": torch.tanh(self.features(mean)) * present(note)}


class Fusion(nn.Module):
    """One hidden layer over all features and over who is present."""

    HIDDEN = 64

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(3 * (features + 1), self.HIDDEN)
        self.classes = nn.Linear(self.HIDDEN, classes)

    def forward(self, motion_features: Tensor, vision_features: Tensor, text_features: Tensor) -> dict[str, Tensor]:
        parts = (motion_features, vision_features, text_features)  # each (N, features)
        joined = torch.cat([*parts, *(present(part) for part in parts)], dim=1)
        return {"logits": self.classes(functional.relu(self.hidden(joined)))}  # (N, classes)
