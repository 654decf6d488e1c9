"""Safetensors files: their header is checked before a byte of them is trusted.

A file is eight bytes of the header's length (little-endian), the header in JSON, and the tensors'
bytes, one behind the other and little-endian. What is accepted here the safetensors library
accepts too, and it writes nothing that is refused here, within the limits below.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from muster.canon.weights import Weights
from muster.tensors import errors
from muster.tensors.dtypes import ELEMENTS, of_numpy, of_torch
from muster.tensors.errors import TensorFileError as TensorFileError
from muster.tensors.finite import check_values

if TYPE_CHECKING:
    import numpy as np
    import torch

Buffer = Any  # collections.abc.Buffer from Python 3.12: bytes, memoryview, mmap

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 16 << 20  # of about 100 bytes a tensor; the library reads up to 100 MB
MAX_TENSORS = 65_536  # the largest models have some thousands
MAX_NAME_CHARACTERS = 256
MAX_DIMENSIONS = 64  # what numpy can hold
MAX_ELEMENTS = 1 << 53  # of a tensor without its empty dimensions, so that a size in bytes fits into 63 bits
ALIGNMENT_BYTES = 64  # of torch's own memory, see `write`

METADATA = "__metadata__"
_ENTRY_KEYS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True)
class Entry:
    """One tensor of a file.

    Attributes:
        start, end: in bytes from the file's beginning.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Header:
    """What a file says of itself, checked.

    Attributes:
        tensors: by name, in the order in which they lie in the file.
        metadata: texts by name; never part of a weights' hash.
    """

    tensors: dict[str, Entry]
    metadata: dict[str, str]


def read_header(data: Buffer) -> Header:
    """Return the checked header of a whole file.

    Raises:
        TensorFileError: of the class that says why it is refused. No view of `data` outlives the
            error, so that a mapping can be closed behind it.
    """
    text, begin, size_bytes = _text(data)
    document = _document(text)
    metadata = _metadata(document.pop(METADATA, {}))
    if len(document) > MAX_TENSORS:
        raise errors.TooManyTensors(f"the file names {len(document)} tensors; {MAX_TENSORS} are the most")
    entries = {name: _entry(name, value, begin, size_bytes) for name, value in document.items()}
    ordered = sorted(entries.items(), key=lambda item: (item[1].start, item[1].end))
    _check_cover(ordered, begin, size_bytes)
    return Header(dict(ordered), metadata)


def check_finite(data: Buffer, header: Header) -> None:
    """Raise NotFinite at the first infinity or NaN, NotBoolean at a truth value that is neither 0 nor 1."""
    for name, entry in header.tensors.items():
        check_values(data, name, entry.dtype, entry.start, entry.end)


def check_expected(header: Header, expected: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise NotAsExpected unless the file holds these very names with these dtypes and shapes."""
    missing = sorted(expected.keys() - header.tensors.keys())
    if missing:
        raise errors.TensorMissing(f"missing: {_some(missing)}", missing[0])
    unexpected = sorted(header.tensors.keys() - expected.keys())
    if unexpected:
        raise errors.TensorUnexpected(f"not expected: {_some(unexpected)}", unexpected[0])
    for name, (dtype, shape) in sorted(expected.items()):
        entry = header.tensors[name]
        if entry.dtype != dtype:
            raise errors.DtypeDiffers(f"{name} is {entry.dtype}, expected {dtype}", name)
        if entry.shape != tuple(shape):
            raise errors.ShapeDiffers(f"{name} has shape {list(entry.shape)}, expected {list(shape)}", name)


def weights(data: Buffer, header: Header) -> Iterator[Weights]:
    """Yield every tensor as a view of the file; nothing is copied, and `data` stays open as long as a view lives."""
    view = memoryview(data).cast("B")
    for name, entry in header.tensors.items():
        yield Weights(name, entry.dtype, entry.shape, view[entry.start : entry.end])


def write(path: Path, tensors: Mapping[str, np.ndarray[Any, Any] | torch.Tensor]) -> None:
    """Write the tensors so that the same tensors always make the same bytes; the file appears whole or not at all.

    The library would lay them by type and name. Here those whose size is a multiple of
    ALIGNMENT_BYTES come first, behind a header filled up to such a multiple: in a mapped file they
    lie as torch's own memory does. That is more than speed: matrix products of the same numbers
    come out with other last bits when the operands lie otherwise.

    Raises:
        BadName: a name that would be refused when read.
        ValueError: elements of a type that is not kept.
    """
    laid = {name: _laid(name, tensor) for name, tensor in tensors.items()}
    header, entries = layout({name: (tensor.dtype, tensor.shape) for name, tensor in laid.items()})
    with appearing(path) as file:
        file.write(header)
        for name in entries:
            file.write(laid[name].data)


def layout(described: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[bytes, dict[str, Entry]]:
    """Return the first bytes of the file that `write` makes of such tensors, and where each lies, one behind the other.

    Args:
        described: name → dtype and shape.

    Raises:
        BadName: a name that would be refused when read.
    """
    for name in described:
        _check_writable(name)
    sizes = {name: prod(shape) * ELEMENTS[dtype].size_bytes for name, (dtype, shape) in described.items()}
    placed, document, end = {}, {}, 0
    for name in sorted(described, key=lambda name: _position(name, described[name][0], sizes[name])):
        dtype, shape = described[name]
        start, end = end, end + sizes[name]
        placed[name] = (start, end)
        document[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(LENGTH_BYTES + len(text)) % ALIGNMENT_BYTES)
    header = len(text).to_bytes(LENGTH_BYTES, "little") + text
    begin = len(header)
    return header, {name: Entry(*described[name], begin + start, begin + end) for name, (start, end) in placed.items()}


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that appears under its name whole, at the end, or not at all; nothing is flushed to disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _text(data: Buffer) -> tuple[bytes, int, int]:
    """Return the header's bytes, where the tensors begin, and the file's size."""
    with memoryview(data) as whole, whole.cast("B") as view:
        size_bytes = view.nbytes
        if size_bytes < LENGTH_BYTES:
            raise errors.FileTooShort(
                f"the file has {size_bytes} bytes; the length of a header alone has {LENGTH_BYTES}"
            )
        length = int.from_bytes(view[:LENGTH_BYTES], "little")
        if length > MAX_HEADER_BYTES:
            raise errors.HeaderTooLarge(f"the header says {length} bytes; {MAX_HEADER_BYTES} are the most")
        begin = LENGTH_BYTES + length
        if begin > size_bytes:
            raise errors.HeaderBeyondFile(f"the header ends at {begin}, the file at {size_bytes}")
        return bytes(view[LENGTH_BYTES:begin]), begin, size_bytes


def _document(text: bytes) -> dict[str, Any]:
    if text[:1] != b"{":
        raise errors.HeaderNotObject("the header does not begin with {")
    try:
        document: dict[str, Any] = json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise errors.HeaderNotText(f"the header is not UTF-8 at byte {error.start}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise errors.HeaderNotJson(f"the header is not JSON: {error}") from error
    return document  # an object, since it begins with {


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise errors.DuplicateKey(f"{_short(twice)} stands twice")
    return made


def _integer(text: str) -> int:
    """Return a natural number; −1 for what is none, and refused wherever a number stands (`-0` and huge ones too)."""
    return int(text) if len(text) <= 20 and text[0] != "-" else -1


def _refuse_constant(text: str) -> None:
    raise errors.HeaderNotJson(f"the header is not JSON: {text}")


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise errors.BadMetadata(f"{METADATA} is no object")
    for name, text in value.items():
        if not isinstance(text, str) or not _encodes(name) or not _encodes(text):
            raise errors.BadMetadata(f"{METADATA}: {_short(name)} is no text")
    return value


def _entry(name: str, value: Any, begin: int, size_bytes: int) -> Entry:
    _check_name(name)
    if not isinstance(value, dict) or value.keys() != _ENTRY_KEYS:
        raise errors.BadEntry(f"{name}: described by something else than dtype, shape and data_offsets", name)
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ELEMENTS:
        raise errors.UnknownDtype(f"{name}: elements of type {_short(dtype)} are not taken", name)
    count = _count(name, shape)
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_natural(offset) for offset in offsets):
        raise errors.BadOffsets(f"{name}: data_offsets {_short(offsets)} are not a begin and an end", name)
    start, end = offsets
    if end < start:
        raise errors.BadOffsets(f"{name}: it ends at {end}, before it begins at {start}", name)
    if begin + end > size_bytes:
        raise errors.OffsetsBeyondFile(f"{name}: it ends at {end}; the file has {size_bytes - begin} bytes", name)
    needed = count * ELEMENTS[dtype].size_bytes
    if end - start != needed:
        raise errors.SizeDiffers(f"{name}: {dtype} {shape} takes {needed} bytes, not {end - start}", name)
    return Entry(dtype, tuple(shape), begin + start, begin + end)


def _check_name(name: str) -> None:
    if not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise errors.BadName(f"a tensor's name has {len(name)} characters; 1 to {MAX_NAME_CHARACTERS} are taken")
    if not name.isprintable():  # controls, marks of direction, line ends, halves of surrogates
        raise errors.BadName(f"a tensor's name holds a character that cannot be shown: {_short(name)}")


def _count(name: str, shape: Any) -> int:
    """Return the number of elements of a shape that is one."""
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(_natural(size) for size in shape):
        raise errors.BadShape(f"{name}: {_short(shape)} is no shape", name)
    # Empty dimensions are left out: arrays are laid out by the product of the others.
    if prod(size for size in shape if size) > MAX_ELEMENTS:
        raise errors.BadShape(f"{name}: {_short(shape)} has more than {MAX_ELEMENTS} elements", name)
    return prod(shape)


def _natural(value: Any) -> bool:
    return type(value) is int and value >= 0  # a bool is an int to isinstance


def _check_cover(ordered: list[tuple[str, Entry]], begin: int, size_bytes: int) -> None:
    """Raise unless the tensors lie one behind the other from the header to the end."""
    end = begin
    for name, entry in ordered:
        if entry.start < end:
            raise errors.TensorsOverlap(f"{name}: it begins {end - entry.start} bytes inside another tensor", name)
        if entry.start > end:
            raise errors.TensorsApart(f"{name}: {entry.start - end} bytes before it belong to no tensor", name)
        end = entry.end
    if end != size_bytes:
        raise errors.TrailingBytes(f"{size_bytes - end} bytes behind the last tensor belong to none")


def _encodes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _short(value: Any) -> str:
    """Return what a message shows of a value out of a file."""
    return ascii(value) if len(str(value)) <= 60 else ascii(str(value)[:60]) + "…"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _laid(name: str, tensor: Any) -> Weights:
    """Return a numpy or torch tensor as little-endian bytes, copied only where it does not lie so."""
    import numpy as np

    shape = tuple(tensor.shape)
    if isinstance(tensor, np.ndarray):
        dtype = of_numpy(tensor.dtype)
        laid = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).reshape(-1)
    else:
        import torch

        dtype = of_torch(tensor.dtype)
        laid = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return Weights(name, dtype, shape, laid.view(np.uint8))


def _check_writable(name: str) -> None:
    _check_name(name)
    if name == METADATA:
        raise errors.BadName(f"{METADATA} is no name for a tensor", name)


def _position(name: str, dtype: str, size_bytes: int) -> tuple[bool, int, bytes]:
    """Return where a tensor lies: aligned ones, then by falling element size, then by name."""
    return size_bytes % ALIGNMENT_BYTES != 0, -ELEMENTS[dtype].size_bytes, name.encode()
