"""A workload's modules: what tensors they hold, their first weights, and all of them together.

expected, initial   of one component in one variant
whole               all components, each in one variant, as one module
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from muster.shards import borders
from muster.shards.errors import BuildFailed, DoesNotFit, NotCuttable, UnknownComponent, UnknownVariant
from muster.tensors.dtypes import of_torch
from muster.tensors.errors import NotAsExpected
from muster.tensors.safetensors import Entry, Header, check_expected
from muster.workloads.declaration import Component, Workload

if TYPE_CHECKING:
    import torch

Expected = dict[str, tuple[str, tuple[int, ...]]]


def find(workload: Workload, component: str, variant: str) -> Component:
    """Return the component; UnknownComponent or UnknownVariant if there is none."""
    try:
        found = workload.component(component)
    except KeyError:
        raise UnknownComponent(f"{workload.name} has no component {component!r}") from None
    if not found.has_variant(variant):
        raise UnknownVariant(f"{workload.name}.{component} has no variant {variant!r}")
    return found


def built(workload: Workload, component: str, variant: str, device: str = "meta") -> torch.nn.Module:
    """Return the untrained module, in evaluation mode; on the device `meta` it has shapes and no memory."""
    import torch

    declared = find(workload, component, variant)
    try:
        with torch.device(device):
            module = declared.build(variant)
    except Exception as error:  # whatever a workload's own code may raise
        raise BuildFailed(f"{workload.name}.{component}: {type(error).__name__}: {error}") from error
    _check_whole_state(f"{workload.name}.{component}", module)
    return module.eval()


def expected(workload: Workload, component: str, variant: str) -> Expected:
    """Return the name, dtype and shape of every tensor of a component, without any memory for them.

    Raises:
        UnknownComponent, UnknownVariant, BuildFailed, NotCuttable.
    """
    return described(built(workload, component, variant).state_dict())


def described(state: Mapping[str, torch.Tensor]) -> Expected:
    """Return the name, dtype and shape of every tensor; NotCuttable at a dtype that files do not keep."""
    try:
        return {name: (of_torch(tensor.dtype), tuple(tensor.shape)) for name, tensor in state.items()}
    except ValueError as error:
        raise NotCuttable(str(error)) from error


def initial(workload: Workload, component: str, variant: str, seed: int) -> dict[str, torch.Tensor]:
    """Return the first weights that the seed gives.

    Each component draws from a seed of its own, so none depends on which others there are. Variants
    draw from the same one: two that differ in precision alone begin with the same weights.
    """
    import torch

    label = f"muster/initial/1/{workload.name}/{component}/{seed}"
    own_seed = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big") >> 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(own_seed)
        module = built(workload, component, variant, "cpu")
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def _variants(workload: Workload, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return a variant for every component; UnknownComponent, UnknownVariant for a choice of what is not there."""
    for component, variant in chosen.items():
        find(workload, component, variant)
    return {component.name: component.variants[0].name for component in workload.components} | dict(chosen)


def _check_whole_state(where: str, module: torch.nn.Module) -> None:
    """Raise NotCuttable unless the state_dict is the whole state: named tensors, each under one name."""
    import torch

    state = module.state_dict(keep_vars=True)
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise NotCuttable(f"{where}: {name} is kept in the state_dict and is no tensor")
    kept = {id(tensor) for tensor in state.values()}
    if len(kept) != len(state):
        raise NotCuttable(f"{where}: one tensor stands under two names; a shard keeps each under one")
    held = [*module.named_parameters(), *module.named_buffers()]
    for path, part in module.named_modules():
        held += [(f"{path}.{name}", value) for name, value in vars(part).items() if isinstance(value, torch.Tensor)]
    for name, tensor in held:
        if id(tensor) not in kept:
            raise NotCuttable(f"{where}: {name.lstrip('.')} is not in the state_dict; make it a persistent buffer")


def filled(module: torch.nn.Module, where: str, state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """Put the tensors themselves, not copies, in the place of a meta module's; DoesNotFit unless all fit."""
    entries = {name: Entry(dtype, shape, 0, 0) for name, (dtype, shape) in described(state).items()}
    try:
        check_expected(Header(entries, {}), described(module.state_dict()))
    except NotAsExpected as error:
        raise DoesNotFit(f"{where}: {error}", error.code) from error
    module.load_state_dict(dict(state), strict=True, assign=True)
    return module


def whole(
    workload: Workload,
    states: Mapping[str, Mapping[str, torch.Tensor]],
    variants: Mapping[str, str] | None = None,
) -> torch.nn.Module:
    """Return the whole model as one module, in evaluation mode, with weights of its own.

    `forward(**inputs)` takes the raw inputs by name, tensors (N, …) of the declared dtypes, and returns
    every tensor by name: the raw inputs and the outputs of all components. The names of its own
    parameters are those of a whole model's file where every variant is the reference.

    Args:
        states: component → name inside it → tensor; copied, so that training changes nobody else's.
        variants: component → variant; the reference where none is named.

    Raises:
        UnknownComponent, UnknownVariant, BuildFailed, NotCuttable: as `expected`.
        DoesNotFit: the states are not those of the components.
    """
    import torch

    chosen = _variants(workload, variants or {})
    if states.keys() != chosen.keys():
        raise UnknownComponent(f"states of {', '.join(sorted(states))}; {workload.name} has {', '.join(chosen)}")
    parts = {}
    for name, variant in chosen.items():
        copied = {rest: tensor.detach().clone() for rest, tensor in states[name].items()}
        parts[name] = filled(built(workload, name, variant), f"{workload.name}.{name}", copied)
        if hasattr(torch.nn.Module, name):
            raise NotCuttable(f"{workload.name}: a component cannot be named {name!r}, torch uses the word itself")
    return _whole_class()(workload, parts).eval()


@functools.cache
def _whole_class() -> type[torch.nn.Module]:
    """Make the class at its first use: its base is torch's, which is imported no sooner."""
    import torch

    class Whole(torch.nn.Module):
        """Every component of a workload, run one after another as the declaration says."""

        def __init__(self, workload: Workload, parts: Mapping[str, torch.nn.Module]) -> None:
            super().__init__()
            self._workload = workload
            for name, part in parts.items():
                self.add_module(name, part)

        def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            given = {
                name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)) for name, tensor in inputs.items()
            }
            borders.check([raw.tensor for raw in self._workload.inputs], given)
            # As at a shard's border, every tensor lies in memory of its own.
            tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in inputs.items()}
            for component in self._workload.components:
                tensors |= borders.run(component, self.get_submodule(component.name), tensors)
            return tensors

    return Whole
