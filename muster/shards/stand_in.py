"""Inputs that are the same everywhere and for ever: what a probe asks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import DType, Tensor

if TYPE_CHECKING:
    import numpy as np

CONTEXT = b"muster/stand-in/1"


def stand_in(tensor: Tensor, seed: str, rows: int) -> np.ndarray[Any, Any]:
    """Return (rows, *shape) values drawn from the seed and the tensor's name.

    SHAKE-256 gives a stream of 32-bit little-endian numbers u. A float32 is floor(u / 256) · 2⁻²³ − 1, which
    is exact and in [−1, 1); an int64 is floor(u · limit / 2³²), in [0, limit). The first rows do not
    depend on how many follow.

    Raises:
        ValueError: an int64 tensor that declares no limit, or one above 2³².
    """
    import numpy as np

    shape = (rows, *tensor.shape)
    count = int(np.prod(shape, dtype=np.int64))
    parts = (CONTEXT, seed.encode(), tensor.name.encode())
    stream = hashlib.shake_256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    numbers = np.frombuffer(stream.digest(4 * count), "<u4")
    if tensor.dtype is DType.FLOAT32:
        return ((numbers >> 8).astype(np.float32) * np.float32(2**-23) - np.float32(1)).reshape(shape)
    if not 0 < tensor.limit <= 1 << 32:
        raise ValueError(f"{tensor.name}: an int64 tensor is drawn from [0, limit) with a limit up to 2**32")
    return (numbers.astype(np.uint64) * np.uint64(tensor.limit) >> np.uint64(32)).astype(np.int64).reshape(shape)
