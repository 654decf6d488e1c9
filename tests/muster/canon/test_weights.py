"""The hash of weights is of what tensors are: name, type, shape and values, and of nothing else."""

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from muster.canon.weights import Weights, weights_sha256
from muster.tensors.dtypes import ELEMENTS, of_numpy
from muster.tensors.safetensors import read_header, weights

NAMES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8).filter(lambda n: n != "__metadata__")
DTYPES = [np.dtype(element.numpy) for element in ELEMENTS.values() if element.numpy]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
)
TENSORS = st.dictionaries(NAMES, ARRAYS, max_size=5)
# How numpy calls what safetensors calls otherwise, written out once more.
SPELLED = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16",
           "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL"}  # fmt: skip


def by_hand(file: bytes) -> str:
    """Return the hash of a file's tensors as the library reads them, laid out in one piece."""

    def text(value: str) -> bytes:
        return len(value.encode()).to_bytes(8, "big") + value.encode()

    laid = b""
    for name, array in sorted(safetensors.numpy.load(file).items(), key=lambda item: item[0].encode("utf-8")):
        laid += text(name) + text(SPELLED[array.dtype.name])
        laid += b"".join(number.to_bytes(8, "big") for number in (array.ndim, *array.shape, array.nbytes))
        laid += array.tobytes("C")
    return hashlib.sha256(laid).hexdigest()


@given(TENSORS, st.none() | st.just({"made": "by somebody"}))
def test_the_hash_is_that_of_the_second_implementation(tensors: dict[str, Any], metadata: Any) -> None:
    file = safetensors.numpy.save(tensors, metadata)
    assert weights_sha256(weights(file, read_header(file))) == by_hand(file)
    assert weights_sha256(_weights(tensors)) == by_hand(file)


@given(TENSORS, st.integers(0, 2**32))
def test_the_order_does_not_matter(tensors: dict[str, Any], seed: int) -> None:
    listed = _weights(tensors)
    random.Random(seed).shuffle(listed)
    assert weights_sha256(listed) == weights_sha256(_weights(tensors))


@given(TENSORS.filter(lambda tensors: any(array.nbytes for array in tensors.values())), st.data())
def test_every_bit_counts(tensors: dict[str, Any], draw: st.DataObject) -> None:
    before = weights_sha256(_weights(tensors))
    name = draw.draw(st.sampled_from([name for name, array in tensors.items() if array.nbytes]))
    array = np.frombuffer(bytearray(tensors[name].tobytes()), np.uint8)
    array[draw.draw(st.integers(0, len(array) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    changed = [one if one.name != name else Weights(name, one.dtype, one.shape, array) for one in _weights(tensors)]
    assert weights_sha256(changed) != before


@pytest.mark.parametrize(
    "other",
    [
        [Weights("b", "F32", (2, 3), bytes(24))],
        [Weights("a", "I32", (2, 3), bytes(24))],
        [Weights("a", "F32", (3, 2), bytes(24))],
        [Weights("a", "F32", (6,), bytes(24))],
        [Weights("a", "F32", (1, 2, 3), bytes(24))],
        [Weights("a", "F32", (2, 3), bytes(24)), Weights("b", "F32", (0,), b"")],
        [Weights("a", "F32", (1, 3), bytes(12)), Weights("b", "F32", (1, 3), bytes(12))],
        [],
    ],
)
def test_name_type_shape_and_number_of_tensors_count(other: list[Weights]) -> None:
    assert weights_sha256([Weights("a", "F32", (2, 3), bytes(24))]) != weights_sha256(other)


def test_the_hash_of_fixed_tensors_never_changes() -> None:
    tensors = [
        Weights("b", "F32", (2,), np.array([1.0, -2.5], "<f4")),
        Weights("a", "I64", (), np.array(7, "<i8")),
        Weights("ä", "U8", (0, 3), np.zeros((0, 3), np.uint8)),
    ]
    assert weights_sha256(tensors) == "f1184e7fe189cc79753d05cd09d3468581bcaad9dad8bcb5d24b153f09911b58"


@pytest.mark.parametrize(
    "array",
    [np.zeros((), np.float32), np.zeros((0, 3)), np.zeros((3, 0, 2), np.int8), np.zeros((1, 1), bool)],
    ids=["of no dimension", "of no rows", "of no columns", "of one"],
)
def test_tensors_of_no_dimension_and_of_no_element_have_a_hash(array: Any) -> None:
    file = safetensors.numpy.save({"a": array})
    assert weights_sha256([Weights("a", of_numpy(array.dtype), array.shape, array)]) == by_hand(file)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 2)).T, np.zeros((2, 4))[:, ::2], np.asfortranarray(np.ones((2, 3))), np.zeros(4)[::-1]],
    ids=["transposed", "strided", "in columns", "reversed"],
)
def test_elements_that_do_not_lie_row_by_row_are_refused_by_name(array: Any) -> None:
    with pytest.raises(ValueError, match=r"^layer\.weight: its elements do not lie"):
        weights_sha256([Weights("layer.weight", "F64", array.shape, array)])


@pytest.mark.parametrize("dtype", [">f4", ">i8", ">u2"])
def test_big_endian_elements_are_refused_by_name(dtype: str) -> None:
    with pytest.raises(ValueError, match=r"^a: its elements are not little-endian"):
        weights_sha256([Weights("a", "F32", (2,), np.zeros(2, dtype))])


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two tensors"):
        weights_sha256([Weights("a", "U8", (1,), b"x"), Weights("a", "U8", (1,), b"y")])


def test_half_precision_is_hashed_by_its_bits(tmp_path: Path) -> None:
    """numpy has no bfloat16; the same bits as U16 must give the same bytes."""
    values = torch.randn(3, 5).bfloat16()
    file = safetensors.torch.save({"a": values})
    bits = values.view(torch.uint16).numpy()
    assert weights_sha256(weights(file, read_header(file))) == weights_sha256([Weights("a", "BF16", (3, 5), bits)])


def _weights(tensors: dict[str, Any]) -> list[Weights]:
    return [Weights(name, SPELLED[array.dtype.name], array.shape, array) for name, array in tensors.items()]
