"""Floats of any kept type to float64, which is exact, and back, rounded once to nearest, ties to even."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muster.tensors.dtypes import ELEMENTS

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

BF16 = "BF16"  # the upper half of a float32; numpy has none


def to_float64(data: Any, dtype: str) -> Floats:
    """Return the values of little-endian elements.

    Args:
        data: a contiguous buffer.
        dtype: F64, F32, F16 or BF16.
    """
    import numpy as np

    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        if dtype == BF16:
            return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        return np.frombuffer(data, ELEMENTS[dtype].numpy).astype(np.float64)


def from_float64(values: Floats, dtype: str) -> bytes:
    """Return the nearest elements, little-endian; what is too large becomes an infinity.

    >>> from_float64(__import__("numpy").array([1.0]), "BF16").hex()
    '803f'
    """
    import numpy as np

    with np.errstate(over="ignore", under="ignore"):
        if dtype == BF16:
            return _bfloat16(values).tobytes()
        return values.astype(str(ELEMENTS[dtype].numpy)).tobytes()


def _bfloat16(values: Floats) -> np.ndarray[Any, Any]:
    """Return the upper halves (N,) uint16.

    Rounding to float32 first would round twice. So float32 is rounded to odd, which keeps which side of every
    border of bfloat16 a value lies on: Boldo and Melquiond 2008, "Emulation of FMA and Correctly Rounded Sums:
    Proved Algorithms Using Rounding to Odd", theorem 1.
    """
    import numpy as np

    single = values.astype(np.float32)
    back = single.astype(np.float64)
    bits = single.view(np.uint32)
    outward = np.abs(back) > np.abs(values)
    odd = (bits - outward) | (back != values)
    halves = (odd + 0x7FFF + ((odd >> 16) & 1)) >> 16
    not_number = np.isnan(values)
    return np.where(not_number, np.uint32(0x7FC0), halves).astype("<u2")
