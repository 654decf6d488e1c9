"""bfloat16 by exact comparison of fractions, slow and plain."""

import bisect
import struct
from fractions import Fraction

import numpy as np

# All finite bfloat16 from 0 up, exact, in the order of their bits.
BF16 = [Fraction(struct.unpack("<f", struct.pack("<I", bits << 16))[0]) for bits in range(0x7F80)]
BF16_STEP = BF16[-1] - BF16[-2]


def nearest_bf16(value: float) -> int:
    """Return the bits of the nearest bfloat16, of two as near the even one, by exact comparison."""
    sign, size = (0x8000 if np.signbit(value) else 0), abs(Fraction(value))
    if size >= BF16[-1] + BF16_STEP / 2:
        return sign | 0x7F80
    below = bisect.bisect_right(BF16, size) - 1
    above = BF16[below + 1] if below + 1 < len(BF16) else BF16[-1] + BF16_STEP
    down, up = size - BF16[below], above - size
    return sign | (below if down < up or (down == up and below % 2 == 0) else below + 1)
