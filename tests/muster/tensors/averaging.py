"""Plain federated averaging as a reader of the paper would write it, for tests to compare with.

It holds everything in memory, reads by the safetensors library, and goes member by member over whole tensors.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from tests.muster.tensors.bfloat16 import nearest_bf16

SIGNED = {torch.uint8: torch.int8, torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def plain(base: Path, updates: Sequence[tuple[Path, Mapping[str, int]]]) -> dict[str, torch.Tensor]:
    """Return name → averaged tensor."""
    model = load_file(base)
    held = [(load_file(path), samples) for path, samples in updates]
    return {name: _averaged(name, tensor, held) for name, tensor in model.items()}


def _averaged(name: str, tensor: torch.Tensor, held: list) -> torch.Tensor:
    component = name.split(".")[0]
    voters = [(update[name], samples[component]) for update, samples in held if name in update and samples[component]]
    if not voters:
        return tensor
    weighted, count = np.zeros(tuple(tensor.shape)), 0
    for delta, samples in voters:
        signed = delta.view(SIGNED[delta.dtype]) if delta.dtype in SIGNED else delta
        weighted = weighted + samples * signed.double().numpy()
        count += samples
    mean = weighted / count
    if tensor.dtype == torch.bool:
        return tensor ^ torch.from_numpy(np.asarray(mean > 0.5))
    if tensor.is_floating_point():
        return _rounded(np.asarray(tensor.double().numpy() + mean), tensor.dtype)
    bits = 8 * tensor.element_size()
    pairs = zip(tensor.reshape(-1).tolist(), np.asarray(mean).flat, strict=True)
    moved = [(int(old) + round(float(step))) % 2**bits for old, step in pairs]
    unsigned = torch.from_numpy(np.array(moved, dtype=f"u{bits // 8}").reshape(tuple(tensor.shape)))
    return unsigned.view(tensor.dtype)


def _rounded(values: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    if dtype is torch.bfloat16:  # torch would round to float32 first
        bits = np.array([nearest_bf16(float(value)) for value in values.flat], np.uint16).reshape(values.shape)
        return torch.from_numpy(bits).view(torch.bfloat16)
    return torch.from_numpy(values.astype(str(dtype).removeprefix("torch.")))
