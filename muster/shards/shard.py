"""One component of a model, loaded from its file and run alone."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.shards import borders, live, modules
from muster.shards.errors import BadFile, DoesNotFit
from muster.tensors import safetensors
from muster.tensors.dtypes import ELEMENTS, to_torch
from muster.tensors.errors import NotAsExpected, TensorFileError
from muster.workloads.declaration import Component, Workload

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Shard:
    """A loaded component.

    Attributes:
        variant: its name.
        module: with the live tensors, in evaluation mode.
        size_bytes: of the file that it was loaded from.
    """

    workload: Workload
    component: Component
    variant: str
    module: torch.nn.Module
    size_bytes: int

    def run(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Return the component's outputs by name, (N, …) each.

        Args:
            inputs: by name, exactly those that the component takes, (N, …) of the declared dtype, N ≥ 1.

        Raises:
            BadInputs, RunFailed, BadOutputs.
        """
        import torch

        declared = [self.workload.tensor(name) for name in self.component.inputs]
        tensors = borders.taken(declared, inputs)
        with torch.inference_mode():
            outputs = borders.run(self.component, self.module, tensors)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def weights_sha256(self) -> str:
        """Return the hash of the live tensors, read from the memory that `run` computes with."""
        return live.sha256(self.module)


def load(workload: Workload, component: str, variant: str, path: Path) -> Shard:
    """Map the file and put views of it in the place of the component's tensors.

    A tensor that does not lie in the file as torch's own memory would (`safetensors.write` lays those
    so that can) is copied, so that the same weights always give the same outputs.

    Raises:
        OSError: the file cannot be read.
        BadFile, DoesNotFit: it is no sound file of tensors, or of other tensors.
        UnknownComponent, UnknownVariant, BuildFailed, NotCuttable: the component cannot be made.
    """
    declared = modules.find(workload, component, variant)
    module = modules.built(workload, component, variant)
    where = f"{workload.name}.{component}"
    mapped = _mapped(where, path)
    try:
        header = safetensors.read_header(mapped)
        safetensors.check_expected(header, modules.described(module.state_dict()))
    except NotAsExpected as error:
        raise DoesNotFit(f"{where}: {error}", error.code) from error
    except TensorFileError as error:
        raise BadFile(f"{where}: {error}", error.code) from error
    state = {name: _tensor(mapped, entry) for name, entry in header.tensors.items()}
    # Parameters go on asking for gradients, which nobody computes here: recurrent layers choose their kernel
    # by it, and another kernel gives other last bits than the whole model.
    modules.filled(module, where, state)
    return Shard(workload, declared, variant, module, len(mapped))


def _mapped(where: str, path: Path) -> mmap.mmap:
    """Map the file privately: what this process writes into the tensors never reaches the file or anybody else.

    The descriptor is closed at once and the mapping stays; a file that is replaced by renaming keeps
    its old bytes here. Nobody closes the mapping: each tensor that views it holds a reference, and with
    the last of them it goes. A file that is cut short in place takes its pages away: the process ends
    when it looks at them, so files are only ever replaced.
    """
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except ValueError as error:  # an empty file cannot be mapped
            raise BadFile(f"{where}: {error}", "file_too_short") from error


def _tensor(mapped: mmap.mmap, entry: safetensors.Entry) -> torch.Tensor:
    import torch

    dtype = to_torch(entry.dtype)
    if not entry.size_bytes:  # torch makes no view of nothing
        return torch.empty(entry.shape, dtype=dtype)
    count = entry.size_bytes // ELEMENTS[entry.dtype].size_bytes
    if entry.start % safetensors.ALIGNMENT_BYTES:
        bytes_ = torch.frombuffer(mapped, dtype=torch.uint8, count=entry.size_bytes, offset=entry.start)
        return bytes_.clone().view(dtype).reshape(entry.shape)
    return torch.frombuffer(mapped, dtype=dtype, count=count, offset=entry.start).reshape(entry.shape)
