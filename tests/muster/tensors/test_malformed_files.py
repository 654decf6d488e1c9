"""A file that is not safetensors, or holds what is no number, is refused for the reason it deserves."""

import contextlib
import mmap
from pathlib import Path
from typing import Any

import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from muster.tensors import errors
from muster.tensors.safetensors import Header, TensorFileError, check_expected, check_finite, read_header
from tests.muster.tensors.malformed import CORPUS, NAN_F32, VALUES, entry, file, one

# What the library takes and we refuse, each for a reason of our own: it could not be shown, or not be bounded.
STRICTER = {
    "a space before the header",
    "one name twice",
    "one metadata name twice",
    "metadata that is null",
    "65,537 tensors",
    "an empty name",
    "a name of 257 letters",
    "a NUL in a name",
    "an escape in a name",
    "a C1 control in a name",
    "a change of direction in a name",
    "a line separator in a name",
    "a tensor that is a list",
    "a tensor with a word too many",
    "a complex dtype",
    "an 8-bit float",
    "65 dimensions",
}


@pytest.mark.parametrize("what", CORPUS)
def test_a_malformed_file_is_refused_with_the_code_for_it(what: str) -> None:
    data, code = CORPUS[what]
    with pytest.raises(TensorFileError) as refused:
        read_header(data)
    assert refused.value.code == code
    assert 0 < len(str(refused.value)) <= 400
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("what", CORPUS)
def test_the_library_refuses_it_too_except_where_we_are_stricter(what: str) -> None:
    try:
        safetensors.deserialize(CORPUS[what][0])
        accepted = True
    except safetensors.SafetensorError:
        accepted = False
    assert accepted == (what in STRICTER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=3) | st.just("__metadata__"), JSON, min_size=1, max_size=3), st.binary(max_size=9)
)
def test_any_json_as_header_is_read_or_refused_and_nothing_else(header: dict[str, Any], data: bytes) -> None:
    try:
        read = read_header(file(header, data))
    except TensorFileError as refused:
        assert str(refused).isprintable() and len(str(refused)) <= 400
    else:
        assert read.metadata == header.get("__metadata__", {}) and not read.tensors and not data


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_and_nothing_else(text: bytes) -> None:
    for data in (text, file(text), file(b"{" + text)):
        with contextlib.suppress(TensorFileError):
            assert not read_header(data).tensors


@pytest.mark.parametrize("what", VALUES)
def test_a_value_that_is_no_number_is_refused_where_it_stands(what: str) -> None:
    data, code, tensor, index = VALUES[what]
    with pytest.raises(TensorFileError) as refused:
        check_finite(data, read_header(data))
    assert (refused.value.code, refused.value.tensor, refused.value.index) == (code, tensor, index)


def test_every_error_has_a_code_of_its_own_and_the_corpus_meets_it() -> None:
    def leaves(kind: type[TensorFileError]) -> list[type[TensorFileError]]:
        return [leaf for child in kind.__subclasses__() for leaf in leaves(child)] or [kind]

    codes = [kind.code for kind in leaves(TensorFileError)]
    expected = {"tensor_missing", "tensor_unexpected", "dtype_differs", "shape_differs"}
    assert len(set(codes)) == len(codes)
    assert set(codes) == {code for _, code in CORPUS.values()} | {code for _, code, _, _ in VALUES.values()} | expected
    assert all(len(code) <= 32 for code in codes)  # as the server keeps it


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        ({}, errors.TensorUnexpected),
        ({"a": ("F32", (2,)), "b": ("F32", (2,))}, errors.TensorMissing),
        ({"b": ("F32", (2,))}, errors.TensorMissing),
        ({"a": ("I32", (2,))}, errors.DtypeDiffers),
        ({"a": ("F32", (1, 2))}, errors.ShapeDiffers),
    ],
)
def test_a_sound_file_of_something_else_is_told_apart(
    expected: dict[str, tuple[str, tuple[int, ...]]], kind: type[TensorFileError]
) -> None:
    header = read_header(one())
    check_expected(header, {"a": ("F32", (2,))})
    with pytest.raises(kind):
        check_expected(header, expected)


def test_many_missing_names_make_a_short_message() -> None:
    with pytest.raises(errors.TensorMissing, match=r"missing: 0, 1, 10 and 97 more"):
        check_expected(Header({}, {}), {str(number): ("F32", ()) for number in range(100)})


@pytest.mark.parametrize("data", [one(bytes(4) + NAN_F32), one(shape=[3]), file({"a": entry()})])
def test_a_refused_mapping_can_be_closed_while_the_error_is_held(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with path.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    with pytest.raises(TensorFileError) as held:
        check_finite(mapped, read_header(mapped))
    mapped.close()  # BufferError while any view of it lives
    assert held.value.__traceback__ is not None
