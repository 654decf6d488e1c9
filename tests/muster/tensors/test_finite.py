"""Whether all values are numbers is decided as numpy and torch decide it, wherever the first bad one stands."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from muster.tensors import finite
from muster.tensors.dtypes import ELEMENTS, to_torch
from muster.tensors.errors import NotBoolean, NotFinite
from muster.tensors.finite import check_values

FLOATS = [name for name, element in ELEMENTS.items() if element.exponent]
INTEGERS = [name for name, element in ELEMENTS.items() if not element.exponent and name != "BOOL"]


@given(st.sampled_from(FLOATS), st.binary(max_size=200), st.integers(0, 3))
def test_the_first_bad_value_is_torchs_first(name: str, data: bytes, offset: int) -> None:
    size = ELEMENTS[name].size_bytes
    count = (len(data) // size) - 1
    if count < 1:
        return
    whole = bytes(offset) + data[: count * size]  # not aligned either
    values = torch.frombuffer(bytearray(data[: count * size]), dtype=to_torch(name))
    bad = (~torch.isfinite(values)).nonzero()
    expected = int(bad[0]) if len(bad) else None
    assert _found(whole, name, offset, offset + count * size) == expected


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("index", [0, 1, 15, 16, 17, 31, 32, 63])
def test_the_index_is_right_in_every_block(monkeypatch: pytest.MonkeyPatch, name: str, index: int) -> None:
    size = ELEMENTS[name].size_bytes
    monkeypatch.setattr(finite, "BLOCK_BYTES", 16 * size)
    values = torch.ones(64, dtype=to_torch(name))
    data = values.view(torch.uint8).numpy()
    assert _found(data, name, 0, data.nbytes) is None
    values[index:] = float("inf")
    assert _found(data, name, 0, data.nbytes) == index


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_pass_whatever_their_bits(name: str) -> None:
    check_values(b"\xff" * 64, "a", name, 0, 64)


def test_the_largest_and_the_smallest_numbers_are_finite() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        info = np.finfo(dtype)
        array = np.array([info.max, info.min, info.tiny, info.smallest_subnormal, -0.0], dtype)
        check_values(array, "a", f"F{8 * array.itemsize}", 0, array.nbytes)


def test_nothing_is_finite() -> None:
    check_values(b"", "a", "F32", 0, 0)
    check_values(bytes(8), "a", "F32", 8, 8)


def _found(data: object, name: str, start: int, end: int) -> int | None:
    try:
        check_values(data, "a", name, start, end)
    except (NotFinite, NotBoolean) as error:
        assert error.tensor == "a"
        return error.index
    return None
