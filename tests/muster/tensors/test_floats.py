"""Every kept type goes to float64 exactly and comes back rounded once: against struct, and against exact fractions."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.tensors.floats import from_float64, to_float64
from tests.muster.tensors.bfloat16 import BF16, nearest_bf16

finite = st.floats(allow_nan=False, allow_infinity=False)
# Values near a border between two bfloat16: there a second rounding would show.
near = st.builds(
    lambda bits, wobble, sign: sign * float(BF16[bits] + (BF16[bits + 1] - BF16[bits]) / 2) * (1 + wobble * 2.0**-40),
    st.integers(0, 0x7F7E),
    st.integers(-3, 3),
    st.sampled_from([1, -1]),
)


@given(st.one_of(finite, near, st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_bfloat16_is_the_nearest_and_of_two_the_even_one(value: float) -> None:
    assert from_float64(np.array([value]), "BF16") == struct.pack("<H", nearest_bf16(value))


@given(st.lists(finite, min_size=1, max_size=20))
def test_float16_and_float32_are_what_struct_packs(values: list[float]) -> None:
    for dtype, code, most in (("F16", "e", 65519.99), ("F32", "f", 3.4028235677973362e38)):
        fitting = [value for value in values if abs(value) < most]
        packed = struct.pack(f"<{len(fitting)}{code}", *fitting)
        assert from_float64(np.array(fitting), dtype) == packed


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 2), ("F16", 2), ("F32", 4), ("F64", 8)])
@given(data=st.data())
def test_there_and_back_changes_nothing(dtype: str, size: int, data: st.DataObject) -> None:
    raw = data.draw(st.binary(min_size=size, max_size=16 * size).map(lambda raw: raw[: len(raw) // size * size]))
    values = to_float64(raw, dtype)
    known = np.isfinite(values)
    again = np.frombuffer(from_float64(values, dtype), f"<u{size}")
    assert (again[known] == np.frombuffer(raw, f"<u{size}")[known]).all()


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_what_is_too_large_becomes_an_infinity_and_no_number_stays_none(dtype: str) -> None:
    values = to_float64(from_float64(np.array([1e300, -1e300, np.nan]), dtype), dtype)
    assert values[0] == np.inf
    assert values[1] == -np.inf
    assert np.isnan(values[2])
