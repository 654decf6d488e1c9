"""Handwritten digits: scikit-learn's 1,797 images of 8×8, real data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.workloads.declaration import Component, Dataset, RawInput, Source, Tensor, Variant, Workload
from muster.workloads.scoring import cross_entropy, metrics

if TYPE_CHECKING:
    import torch

IMAGE = RawInput(Tensor("image", (1, 8, 8)), modality="vision", home="terminal", may_leave=True)

CLASSES = tuple(str(digit) for digit in range(10))


def _vision(variant: str) -> torch.nn.Module:
    from muster.workloads.digits import modules

    return modules.LightVision() if variant == "light" else modules.FullVision()


def _head(variant: str) -> torch.nn.Module:
    from muster.workloads.digits import modules

    return modules.Head()


def _data(source: Source) -> Dataset:
    from muster.workloads.digits import data

    return data.read(source)


WORKLOAD = Workload(
    name="digits",
    version=1,
    title="Handwritten digits",
    description="Tells the ten digits apart on 8×8 images. Real data: the 1,797 images that scikit-learn brings.",
    synthetic=False,
    classes=CLASSES,
    inputs=(IMAGE,),
    components=(
        Component(
            name="vision",
            modality="vision",
            inputs=("image",),
            outputs=(Tensor("features", (64,)),),
            default_tier="edge",
            variants=(
                Variant("full", "Full network", tiers=("edge", "cloud")),
                Variant("light", "Light network for small devices", tiers=("terminal",)),
            ),
            build=_vision,
        ),
        Component(
            name="head",
            modality="vision",
            inputs=("features",),
            outputs=(Tensor("logits", (len(CLASSES),)),),
            default_tier="cloud",
            variants=(Variant("full", "Full network"),),
            build=_head,
        ),
    ),
    output="logits",
    data=_data,
    loss=cross_entropy,
    metrics=metrics,
)
