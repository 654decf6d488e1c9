"""The networks of the digits workload. No batch norm: its running figures do not average over a federation."""

from __future__ import annotations

from torch import Tensor, nn

FEATURES = 64


class FullVision(nn.Module):
    """Three convolutions on the full grid, then half of it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.GroupNorm(4, 32),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.GroupNorm(4, 32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.GroupNorm(8, 64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 2 * 2, FEATURES),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:  # (N, 1, 8, 8)
        return {"features": self.layers(image)}  # (N, 64)


class LightVision(nn.Module):
    """Two convolutions with strides: about a hundredth of the full network's work."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, stride=2),
            nn.GroupNorm(2, 8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1, stride=2),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 2 * 2, FEATURES),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:  # (N, 1, 8, 8)
        return {"features": self.layers(image)}  # (N, 64)


class Head(nn.Module):
    """One linear map, so that either vision can stand before it."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(FEATURES, 10)

    def forward(self, features: Tensor) -> dict[str, Tensor]:  # (N, 64)
        return {"logits": self.classes(features)}  # (N, 10)
