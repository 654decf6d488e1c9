"""What crosses a component's border: checked by name, type and shape, never bound by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from muster.shards.errors import BadInputs, BadOutputs, RunFailed
from muster.workloads.declaration import Component, Tensor

if TYPE_CHECKING:
    import numpy as np
    import torch


def taken(declared: Sequence[Tensor], arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, torch.Tensor]:
    """Return the arrays as tensors of their own.

    They are copied: whoever gave them may change them meanwhile, and torch's own memory lies the same
    every time, without which sums of the same numbers differ in their last bits.

    Raises:
        BadInputs: other names than declared, another dtype, another shape, or unequal numbers of rows.
    """
    import torch

    check(declared, {name: (array.dtype.name, array.shape) for name, array in arrays.items()})
    tensors = {}
    for tensor in declared:
        array = arrays[tensor.name]
        tensors[tensor.name] = torch.empty(array.shape, dtype=getattr(torch, tensor.dtype.value))
        tensors[tensor.name].numpy()[...] = array
    return tensors


def check(declared: Sequence[Tensor], given: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise BadInputs unless what is given, as (dtype, shape) by name, is what is declared, in equally many rows."""
    wanted = {tensor.name: tensor for tensor in declared}
    if given.keys() != wanted.keys():
        raise BadInputs(f"given {_names(given)}; it takes {_names(wanted)}")
    rows = next((shape[0] for _, shape in given.values() if shape), 0)
    for name, (dtype, shape) in given.items():
        tensor = wanted[name]
        if dtype != tensor.dtype.value:
            raise BadInputs(f"{name} is {dtype}, not {tensor.dtype.value}")
        if not rows or shape != (rows, *tensor.shape):
            raise BadInputs(f"{name} has shape {shape}; it takes {_rows(tensor, rows)}")


def run(component: Component, module: torch.nn.Module, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return what the module gives for its inputs, by name in the declared order, laid row by row in memory of its own.

    Raises:
        RunFailed: the module raised.
        BadOutputs: it gave something else than is declared.
    """
    import torch

    rows = len(next(iter(inputs.values())))
    try:
        given = module(**{name: inputs[name] for name in component.inputs})
    except Exception as error:  # whatever a workload's own code may raise
        raise RunFailed(f"{component.name}: {type(error).__name__}: {error}") from error
    wanted = {tensor.name: tensor for tensor in component.outputs}
    if not isinstance(given, Mapping) or given.keys() != wanted.keys():
        shown = _names(given) if isinstance(given, Mapping) else type(given).__name__
        raise BadOutputs(f"{component.name} gave {shown}; it declares {_names(wanted)}")
    for name, tensor in wanted.items():
        dtype, shape = getattr(torch, tensor.dtype.value), (rows, *tensor.shape)
        if given[name].dtype != dtype or given[name].shape != shape:
            found = f"{given[name].dtype} {tuple(given[name].shape)}"
            raise BadOutputs(f"{component.name}: {name} is {found}, declared as {dtype} {shape}")
    return {name: given[name].clone(memory_format=torch.contiguous_format) for name in wanted}


def _names(named: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, named))) or "nothing"


def _rows(tensor: Tensor, rows: int | None) -> str:
    return str((rows or "N", *tensor.shape)).replace("'", "")
