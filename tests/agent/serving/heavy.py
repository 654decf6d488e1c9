"""A workload with one component of 64 MB, found by the worker as any installed package's is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import Component, Dataset, RawInput, Source, Tensor, Variant, Workload

if TYPE_CHECKING:
    import torch

WIDTH = 4096  # squared and in float32: 64 MB


def build(variant: str) -> torch.nn.Module:
    from torch import nn

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.Linear(WIDTH, WIDTH, bias=False)

        def forward(self, ramp: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.wide(ramp)[:, :2]}

    return Wide()


def data(source: Source) -> Dataset:
    import numpy as np

    ramps = np.ones((4, WIDTH), np.float32)
    return Dataset({"ramp": ramps}, np.zeros(4, np.int64), {"vision": np.ones(4, bool)}, synthetic=True)


def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(logits, labels)


def metrics(logits: Any, labels: Any) -> dict[str, float]:
    return {"accuracy": float((logits.argmax(1) == labels).mean())}


HEAVY = Workload(
    name="heavy",
    version=1,
    title="Heavy",
    description="One wide layer.",
    synthetic=True,
    classes=("no", "yes"),
    inputs=(RawInput(Tensor("ramp", (WIDTH,)), "vision", "terminal", may_leave=False),),
    components=(
        Component("wide", "vision", ("ramp",), (Tensor("logits", (2,)),), "cloud", (Variant("full", "Full"),), build),
    ),
    output="logits",
    data=data,
    loss=loss,
    metrics=metrics,
)


def install(folder: Path) -> None:
    """Put what pip leaves of a package into a folder: its name and its entry points."""
    made = folder / "heavy-1.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy\nVersion: 1\n")
    (made / "entry_points.txt").write_text("[muster.workloads]\nheavy = tests.agent.serving.heavy:HEAVY\n")
