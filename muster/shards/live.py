"""The bytes of live tensors: what a process really computes with, not what a file said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from muster.canon.weights import Weights, weights_sha256
from muster.tensors.dtypes import of_torch

if TYPE_CHECKING:
    import torch


def weights(module: torch.nn.Module) -> Iterator[Weights]:
    """Yield every parameter and persistent buffer as a view of its memory; a copy only where it is not contiguous."""
    import torch

    for name, tensor in module.state_dict().items():
        # Any type can be read as bytes, also those that numpy does not know, once there is a dimension to widen.
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        yield Weights(name, of_torch(tensor.dtype), tuple(tensor.shape), flat.numpy())


def sha256(module: torch.nn.Module) -> str:
    """Return the weights_sha256 of a module's tensors as they are in memory now."""
    return weights_sha256(weights(module))
