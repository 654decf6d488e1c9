"""What a model is: named components with named tensors between them, declared without torch.

A declaration says enough for a server or a page that never loads torch: which components
there are, what goes in and out, where raw inputs are born and whether they may leave, and
in which variants a component exists. What needs torch are functions, which import it inside.

    inputs ──▶ component ──▶ tensors ──▶ component ──▶ … ──▶ output

Tensors are bound by name, never by position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

    from muster.wire.work import Partition

TIERS = ("terminal", "edge", "cloud")  # in the direction in which requests travel

NAME = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")


class DeclarationError(ValueError):
    """A workload contradicts itself; the message names where."""


class DType(StrEnum):
    """Types of tensors that cross component borders."""

    FLOAT32 = "float32"
    INT64 = "int64"


@dataclass(frozen=True)
class Tensor:
    """A named tensor at a component border.

    Attributes:
        shape: of one sample; the batch dimension stands in front of it.
        dtype: of the elements.
        limit: for int64, values are in [0, limit); for float32 it means nothing.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType = DType.FLOAT32
    limit: int = 0


@dataclass(frozen=True)
class RawInput:
    """What a sensor or a person gives.

    Attributes:
        modality: which kind of evidence it is: vision, text, motion …
        home: the tier on which it is born.
        may_leave: whether the raw values may be sent to another tier.
    """

    tensor: Tensor
    modality: str
    home: str
    may_leave: bool


@dataclass(frozen=True)
class Variant:
    """One form in which a component exists; all forms of a component take and give the same tensors.

    Attributes:
        title: what a page calls it, in English; pages translate the included workloads' own.
        tiers: tiers for which it is the first choice; the component's first variant serves every other.
    """

    name: str
    title: str
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """A part of a model that is placed, shipped, loaded and run as one.

    Attributes:
        modality: whose evidence it works on; `fusion` where several meet.
        inputs: names of raw inputs or of other components' outputs.
        outputs: what it gives.
        default_tier: where it runs while no plan has said otherwise.
        variants: at least one; the first is the reference.
        build: makes the untrained module of a variant. Its `forward` takes the inputs as keyword
            arguments, float32 or int64 tensors of shape (N, …), and returns a dict of its outputs
            by name. The same call makes modules of the same names, shapes and dtypes every time.
    """

    name: str
    modality: str
    inputs: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    default_tier: str
    variants: tuple[Variant, ...]
    build: Callable[[str], torch.nn.Module]

    def variant_for(self, tier: str) -> Variant:
        """Return the variant that a tier runs unless the plan says another."""
        return next((variant for variant in self.variants if tier in variant.tiers), self.variants[0])

    def has_variant(self, name: str) -> bool:
        return any(variant.name == name for variant in self.variants)


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from.

    Attributes:
        seed: of everything random; a node uses one derived from its identifier.
        folder: the device's own files, None for the workload's included data.
        held_out: the part that no node ever trains on, for evaluation.
        limit: at most so many samples, None for all there are.
        partition: in place of a node's usual part of the included data, this member's part of a Dirichlet split;
            `muster.training.partition.part` makes it of all the data that nodes may train on.
    """

    seed: int
    folder: Path | None = None
    held_out: bool = False
    limit: int | None = None
    partition: Partition | None = None


@dataclass(frozen=True)
class Dataset:
    """Samples in memory.

    Attributes:
        inputs: raw input name → array (N, …) of the declared dtype.
        labels: (N,) int64, a class index each; −1 where unknown.
        present: modality → (N,) bool, whether a sample has that modality. Absent inputs are all zero.
        synthetic: whether the data was generated and is nobody's.
    """

    inputs: Mapping[str, np.ndarray[Any, Any]]
    labels: np.ndarray[Any, Any]
    present: Mapping[str, np.ndarray[Any, Any]]
    synthetic: bool

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: slice | np.ndarray[Any, Any]) -> Dataset:
        """Return the samples of a slice or at some indices."""
        inputs = {name: values[chosen] for name, values in self.inputs.items()}
        present = {modality: there[chosen] for modality, there in self.present.items()}
        return Dataset(inputs, self.labels[chosen], present, self.synthetic)


@dataclass(frozen=True)
class Workload:
    """A model's declaration.

    Attributes:
        version: raised whenever a module, a tensor or a name changes; a device runs a published
            model only with the very version that it was published with.
        synthetic: whether the included data is generated; pages say so wherever they show the workload.
        components: in an order in which each follows those whose outputs it takes.
        output: the tensor that answers, (N, classes) of logits.
        data: returns samples; OSError or ValueError with a message for people where a folder does not fit.
        loss: from the output tensor (N, classes) and the labels (N,), a scalar.
        metrics: from logits (N, classes) and labels (N,) as numpy arrays, name → value; `accuracy` is always there.
    """

    name: str
    version: int
    title: str
    description: str
    synthetic: bool
    classes: tuple[str, ...]
    inputs: tuple[RawInput, ...]
    components: tuple[Component, ...]
    output: str
    data: Callable[[Source], Dataset]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    metrics: Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], dict[str, float]]
    _tensors: dict[str, Tensor] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._tensors.update({raw.tensor.name: raw.tensor for raw in self.inputs})
        _check(self)

    def component(self, name: str) -> Component:
        """Return a component; KeyError if there is none of that name."""
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)

    def tensor(self, name: str) -> Tensor:
        """Return a raw input's or an output's tensor; KeyError if there is none of that name."""
        return self._tensors[name]

    def raw_inputs(self, component: Component) -> tuple[RawInput, ...]:
        """Return the raw inputs that a component reads itself."""
        return tuple(raw for raw in self.inputs if raw.tensor.name in component.inputs)

    def default_placement(self) -> dict[str, str]:
        """Return component → tier for a model that was never placed."""
        return {component.name: component.default_tier for component in self.components}


def _check(workload: Workload) -> None:
    """Raise DeclarationError where the declaration contradicts itself; note every output's tensor on the way."""
    _name(workload.name, "workload")
    if workload.version < 1 or not workload.components or len(workload.classes) < 2:
        raise DeclarationError(f"{workload.name}: a version from 1, a component and two classes are the least")
    _unique([raw.tensor.name for raw in workload.inputs], f"{workload.name}: raw inputs")
    _unique([component.name for component in workload.components], f"{workload.name}: components")
    for raw in workload.inputs:
        _name(raw.tensor.name, f"{workload.name}: raw input")
        _tier(raw.home, f"{workload.name}.{raw.tensor.name}")
    for component in workload.components:
        _component(workload, component)
    if workload.output not in workload._tensors or workload.tensor(workload.output).shape != (len(workload.classes),):
        raise DeclarationError(f"{workload.name}: the output {workload.output!r} is no tensor of one value a class")


def _component(workload: Workload, component: Component) -> None:
    where = f"{workload.name}.{component.name}"
    _name(component.name, "component")
    _tier(component.default_tier, where)
    _unique([variant.name for variant in component.variants], f"{where}: variants")
    if not component.variants or not component.inputs or not component.outputs:
        raise DeclarationError(f"{where}: it needs a variant, an input and an output")
    for variant in component.variants:
        _name(variant.name, f"{where}: variant")
        for tier in variant.tiers:
            _tier(tier, where)
    for name in component.inputs:
        if name not in workload._tensors:
            raise DeclarationError(f"{where}: its input {name!r} is neither raw nor given by a component before it")
    for tensor in component.outputs:
        _name(tensor.name, f"{where}: output")
        if tensor.name in workload._tensors:
            raise DeclarationError(f"{where}: the name {tensor.name!r} is taken")
        workload._tensors[tensor.name] = tensor


def _name(name: str, what: str) -> None:
    if not NAME.fullmatch(name):
        raise DeclarationError(
            f"{what} {name!r}: a name is a letter, then letters, digits or _, 31 at most, lower case"
        )


def _tier(tier: str, where: str) -> None:
    if tier not in TIERS:
        raise DeclarationError(f"{where}: {tier!r} is no tier; there are {', '.join(TIERS)}")


def _unique(names: Sequence[str], what: str) -> None:
    if len(set(names)) != len(names):
        raise DeclarationError(f"{what} must have different names: {', '.join(names)}")
