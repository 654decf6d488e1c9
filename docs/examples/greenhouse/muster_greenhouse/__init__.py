"""Advice for a greenhouse. This file loads neither torch nor numpy: the functions import what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.workloads.declaration import Component, Dataset, RawInput, Source, Tensor, Variant, Workload
from muster.workloads.scoring import cross_entropy, metrics

if TYPE_CHECKING:
    import torch

HOURS = 24
FEATURES = 16

# Temperature, humidity and light of the last day, each as a fraction of the sensor's range.
CLIMATE = RawInput(Tensor("day", (3, HOURS)), modality="climate", home="terminal", may_leave=True)

CLASSES = ("nothing", "ventilate", "water")


def _climate(variant: str) -> torch.nn.Module:
    from . import modules

    return modules.Climate()


def _advice(variant: str) -> torch.nn.Module:
    from . import modules

    return modules.Advice()


def _data(source: Source) -> Dataset:
    from . import data

    return data.read(source)


WORKLOAD = Workload(
    name="greenhouse",
    version=1,
    title="Greenhouse",
    description="Advises to ventilate or to water by a day of climate. Synthetic: the included data is generated.",
    synthetic=True,
    classes=CLASSES,
    inputs=(CLIMATE,),
    components=(
        Component(
            name="climate",
            modality="climate",
            inputs=("day",),
            outputs=(Tensor("climate_features", (FEATURES,)),),
            default_tier="terminal",
            variants=(Variant("full", "Full network"),),
            build=_climate,
        ),
        Component(
            name="advice",
            modality="fusion",
            inputs=("climate_features",),
            outputs=(Tensor("logits", (len(CLASSES),)),),
            default_tier="cloud",
            variants=(Variant("full", "Full network"),),
            build=_advice,
        ),
    ),
    output="logits",
    data=_data,
    loss=cross_entropy,
    metrics=metrics,
)
