"""Whether every value of a tensor is a number, looked at in place and in one pass."""

from __future__ import annotations

from typing import Any

from muster.tensors import errors
from muster.tensors.dtypes import ELEMENTS

BLOCK_BYTES = 1 << 20  # of values at once: what is made beside them stays in the processor's cache


def check_values(data: Any, name: str, dtype: str, start: int, end: int) -> None:
    """Raise where the values of data[start:end] are not finite, or, of truth values, neither 0 nor 1.

    Raises:
        NotFinite, NotBoolean: with the index of the first such value in row-major order. No view
            of `data` outlives the error.
    """
    if dtype == "BOOL":
        index = _first(data, start, end, 1, 0xFE, several=True)
        if index is not None:
            raise errors.NotBoolean(f"{name}: value {index} is neither true nor false", name, index)
    exponent = ELEMENTS[dtype].exponent
    if exponent:
        index = _first(data, start, end, ELEMENTS[dtype].size_bytes, exponent)
        if index is not None:
            raise errors.NotFinite(f"{name}: value {index} is not a finite number", name, index)


def _first(data: Any, start: int, end: int, size_bytes: int, mask: int, *, several: bool = False) -> int | None:
    """Return the index of the first element that has every bit of the mask, with `several` any of them."""
    import numpy as np

    elements = (
        np.frombuffer(data, f"<u{size_bytes}", (end - start) // size_bytes, start) if end > start else np.empty(0)
    )
    block = BLOCK_BYTES // size_bytes
    masked = np.empty(min(block, len(elements)), f"<u{size_bytes}")
    for begin in range(0, len(elements), block):
        part = elements[begin : begin + block]
        found = np.bitwise_and(part, mask, out=masked[: len(part)])
        # The largest says whether there is one: a reduction is cheaper than a comparison of each.
        largest = int(found.max())
        if largest == mask or (several and largest):
            return begin + int(np.argmax((found != 0) if several else (found == mask)))
    return None
