"""What safetensors writes is read here as it was meant; what is accepted here safetensors accepts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from muster.tensors.dtypes import ELEMENTS, of_numpy, of_torch, to_torch
from muster.tensors.safetensors import (
    ALIGNMENT_BYTES,
    TensorFileError,
    check_finite,
    read_header,
    weights,
    write,
)
from tests.muster.tensors.malformed import entry, file

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(
    lambda name: name.isprintable() and name != "__metadata__"
)
DTYPES = [np.dtype(element.numpy) for element in ELEMENTS.values() if element.numpy]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6))
)
TENSORS = st.dictionaries(NAMES, ARRAYS, max_size=6)
METADATA = st.none() | st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=9), min_size=1, max_size=3)


@given(TENSORS, METADATA)
def test_whatever_the_library_writes_is_read_as_it_was_meant(
    tensors: dict[str, np.ndarray], metadata: dict[str, str] | None
) -> None:
    data = safetensors.numpy.save(tensors, metadata)
    header = read_header(data)
    assert header.metadata == (metadata or {})
    assert header.tensors.keys() == tensors.keys()
    for one in weights(data, header):
        array = tensors[one.name]
        assert (one.dtype, one.shape, bytes(one.data)) == (of_numpy(array.dtype), array.shape, array.tobytes())


@pytest.mark.parametrize("name", ELEMENTS)
def test_every_type_goes_through_torch_and_back(tmp_path: Path, name: str) -> None:
    values = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(to_torch(name))
    scalar, nothing = values[0, 1].clone(), values[:0].clone()
    data = safetensors.torch.save({"values": values, "scalar": scalar, "nothing": nothing})
    header = read_header(data)
    check_finite(data, header)
    shapes = {"values": (2, 3), "scalar": (), "nothing": (0, 3)}
    assert {key: (one.dtype, one.shape) for key, one in header.tensors.items()} == {
        key: (name, shape) for key, shape in shapes.items()
    }

    write(tmp_path / "ours", {"values": values.T, "scalar": scalar, "nothing": nothing})
    ours = safetensors.torch.load_file(tmp_path / "ours")
    assert torch.equal(ours["values"], values.T) and ours["values"].dtype == values.dtype
    assert torch.equal(ours["scalar"], scalar) and ours["nothing"].shape == (0, 3)
    assert of_torch(values.dtype) == name


@given(TENSORS)
@settings(max_examples=60)
def test_the_library_reads_what_we_write(tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("ours")
    write(folder / "one", tensors)
    write(folder / "two", dict(reversed(tensors.items())))
    data = (folder / "one").read_bytes()
    read = safetensors.numpy.load(data)
    assert read.keys() == read_header(data).tensors.keys() == tensors.keys()
    for name, array in tensors.items():
        assert read[name].tobytes() == array.tobytes() and read[name].shape == array.shape
        assert read[name].dtype == array.dtype
    assert data == (folder / "two").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]


def test_what_can_lie_aligned_does() -> None:
    """Behind a filled header come the tensors of whole lines of 64 bytes, then the others."""
    sizes = {"odd": 3, "a": 64, "big": 6_400, "byte": 1, "even": 128}
    with_sizes = {name: np.zeros(size, np.uint8) for name, size in sizes.items()}
    header = _written(with_sizes)
    assert list(header.tensors) == ["a", "big", "even", "byte", "odd"]
    aligned = [name for name, one in header.tensors.items() if one.start % ALIGNMENT_BYTES == 0]
    assert aligned == ["a", "big", "even", "byte"]


def test_a_transposed_a_strided_and_a_big_endian_array_are_written_by_value() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    given_arrays = {"t": array.T, "s": array[:, ::2], "b": array.astype(">f4"), "e": torch.ones(1).expand(4)}
    data = _bytes(given_arrays)
    read = safetensors.numpy.load(data)
    for name, expected in given_arrays.items():
        assert np.array_equal(read[name], np.asarray(expected))


@pytest.mark.parametrize("name", ["", "a\n", "a" * 257, "\ud800", "__metadata__"])
def test_a_name_that_could_not_be_read_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(TensorFileError):
        write(tmp_path / "file", {name: np.zeros(1)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tensor", [np.zeros(1, np.complex64), np.array(["a"]), torch.zeros(1, dtype=torch.complex64)])
def test_elements_that_are_not_kept_are_not_written(tmp_path: Path, tensor: Any) -> None:
    with pytest.raises(ValueError, match="not kept"):
        write(tmp_path / "file", {"a": tensor})


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, {"a": np.zeros(1)})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not kept"):
        write(path, {"a": np.zeros(1), "b": np.zeros(1, np.complex64)})
    assert path.read_bytes() == before


SMALL = st.integers(-1, 9)
ODD: st.SearchStrategy[Any] = st.sampled_from([True, 2.0, "2", None, 2**31, 2**63, 2**64, -0.0, [], {}])
ENTRIES = st.builds(
    entry,
    st.sampled_from([*ELEMENTS, "C64", "F4", "", 3]),
    st.lists(SMALL | ODD, max_size=3) | ODD,
    st.lists(SMALL | ODD, min_size=1, max_size=3) | ODD,
)
# Halfway sound: sizes that fit and places that follow each other, so that a good part is accepted.
FITTING = st.lists(
    st.tuples(st.sampled_from(["F32", "U8", "BF16"]), st.lists(st.integers(0, 3), max_size=2)), max_size=4
)


@given(st.dictionaries(NAMES | st.text(max_size=2), ENTRIES, max_size=2), st.binary(max_size=20))
def test_what_we_accept_the_library_accepts(header: dict[str, Any], data: bytes) -> None:
    _compare(file(header, data))


@given(FITTING, st.lists(st.integers(-2, 2), min_size=8, max_size=8), st.data())
def test_sound_files_with_moved_offsets_and_changed_bytes_are_judged_alike(
    tensors: list[tuple[str, list[int]]], moves: list[int], draw: st.DataObject
) -> None:
    header, end = {}, 0
    moving = draw.draw(st.booleans())
    for number, (dtype, shape) in enumerate(tensors):
        start, end = end, end + int(np.prod(shape, dtype=int)) * ELEMENTS[dtype].size_bytes
        moved = [start + moves[2 * number], end + moves[2 * number + 1]] if moving else [start, end]
        header[f"t{number}"] = entry(dtype, shape, moved)
    data = bytearray(file(header, bytes(end)))
    if draw.draw(st.booleans()):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    _compare(bytes(data))


def _compare(data: bytes) -> None:
    """Fail where we accept and the library does not, or sees something else."""
    try:
        header = read_header(data)
    except TensorFileError:
        return
    seen = {
        name: (one["dtype"], tuple(one["shape"]), bytes(one["data"])) for name, one in safetensors.deserialize(data)
    }
    assert seen == {one.name: (one.dtype, one.shape, bytes(one.data)) for one in weights(data, header)}


def _bytes(tensors: dict[str, Any]) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file", tensors)
        return (Path(folder) / "file").read_bytes()


def _written(tensors: dict[str, Any]) -> Any:
    data = _bytes(tensors)
    length = int.from_bytes(data[:8], "little")
    assert json.loads(data[8 : 8 + length]).keys() == tensors.keys()
    return read_header(data)
