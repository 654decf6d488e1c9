"""Stand-ins are the same everywhere and for ever."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.shards.stand_in import stand_in
from muster.workloads.declaration import DType, Tensor

FLOATS = [-0.06824231147766113, 0.3034994602203369, 0.7621368169784546, -0.07113134860992432]
INTEGERS = [55, 3, 8, 24, 13, 60]

SEEDS, NAMES = st.text(max_size=9), st.text("abc_", min_size=1, max_size=5)
LIMITS = st.integers(1, 2**32)


def numbers(seed: str, name: str, count: int) -> list[int]:
    """Return the stream's 32-bit numbers, one by one."""
    shake = hashlib.shake_256()
    for part in (b"muster/stand-in/1", seed.encode(), name.encode()):
        shake.update(len(part).to_bytes(8, "big"))
        shake.update(part)
    stream = shake.digest(4 * count)
    return [int.from_bytes(stream[4 * at : 4 * at + 4], "little") for at in range(count)]


@given(SEEDS, NAMES, st.integers(1, 4))
def test_floats_are_the_streams_upper_24_bits(seed: str, name: str, rows: int) -> None:
    given_array = stand_in(Tensor(name, (2, 3)), seed, rows)
    assert given_array.dtype == np.float32 and given_array.shape == (rows, 2, 3)
    assert given_array.reshape(-1).tolist() == [number // 256 / 2**23 - 1 for number in numbers(seed, name, 6 * rows)]
    assert given_array.min() >= -1 and given_array.max() < 1


@given(SEEDS, NAMES, LIMITS)
def test_integers_are_below_their_limit(seed: str, name: str, limit: int) -> None:
    given_array = stand_in(Tensor(name, (5,), DType.INT64, limit), seed, 3)
    assert given_array.dtype == np.int64
    assert given_array.reshape(-1).tolist() == [number * limit // 2**32 for number in numbers(seed, name, 15)]
    assert given_array.min() >= 0 and given_array.max() < limit


@given(SEEDS, st.integers(1, 5), st.integers(1, 5))
def test_more_rows_leave_the_first_as_they_were(seed: str, few: int, more: int) -> None:
    tensor = Tensor("x", (4,))
    assert np.array_equal(stand_in(tensor, seed, few + more)[:few], stand_in(tensor, seed, few))


def test_names_and_seeds_part_the_streams() -> None:
    drawn = [
        stand_in(Tensor(name, (8,)), seed, 1).tobytes()
        for seed, name in [("a", "b"), ("", "ab"), ("ab", ""), ("b", "a")]
    ]
    assert len(set(drawn)) == 4


def test_fixed_seeds_give_fixed_values() -> None:
    floats = stand_in(Tensor("image", (2, 2)), "muster", 1)
    integers = stand_in(Tensor("note", (6,), DType.INT64, 100), "muster", 1)
    assert floats.reshape(-1).tolist() == FLOATS
    assert integers.reshape(-1).tolist() == INTEGERS


@pytest.mark.parametrize("limit", [0, -1, 2**32 + 1])
def test_integers_without_a_usable_limit_are_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=r"^note: .*limit"):
        stand_in(Tensor("note", (6,), DType.INT64, limit), "", 1)
