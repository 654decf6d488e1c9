"""Federated averaging of files: the base plus the weighted mean of the updates, tensor by tensor.

McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data", Algorithm 1,
with a weight per tensor: for each tensor the members k that hold a difference Δₖ of it count by the samples nₖ
behind its component,

    w ← w + (Σₖ nₖ Δₖ) / (Σₖ nₖ).

Sums are of float64, in the order in which the updates are given, and the result is rounded once to the base's
type. So the same files in the same order give the same bytes; callers sort by the nodes' ids. Products and sums
are separate operations, which no instruction set fuses. (numpy rounds each to nearest, ties to even.)

Only a chunk of each file is ever in memory, so the largest model takes some dozen MiB.

AggregateError
├── NotOfBase      an update holds a tensor that the base has not, or has in another shape or type
├── NotWeighable   no samples are said for a tensor, or fewer than none
└── Overflow       the result is no finite number in the base's type
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from muster.tensors import safetensors
from muster.tensors.dtypes import ELEMENTS
from muster.tensors.floats import from_float64, to_float64
from muster.tensors.safetensors import Entry, Header

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Combine = Callable[[Floats, Floats], Floats]

CHUNK_ELEMENTS = 1 << 19  # of a tensor at once: 4 MiB of float64


class AggregateError(ValueError):
    """The files cannot be averaged."""


class NotOfBase(AggregateError):
    """An update holds a tensor that the base has not, or has in another shape or type."""


class NotWeighable(AggregateError):
    """No samples are said for a tensor that an update holds, or fewer than none."""


class Overflow(AggregateError):
    """The result is no finite number in the base's type."""


@dataclass(frozen=True)
class Weighted:
    """One member's update.

    Attributes:
        path: of a safetensors file of differences, named as in the base; it may hold a part of the tensors.
        samples: component → samples behind its tensors, 0 or more; with 0 they do not count.
    """

    path: Path
    samples: Mapping[str, int]


def plus(base: Floats, mean: Floats) -> Floats:
    """Return the sum: what plain averaging makes of the base and the mean difference."""
    return base + mean


def aggregate(base: Path, updates: Sequence[Weighted], out: Path, *, combine: Combine = plus) -> None:
    """Write the averaged model; the file appears whole or not at all, and the caller flushes it to disk.

    It is laid as `safetensors.write` lays the same tensors. A tensor that no update has samples for keeps its bytes.
    Integers take the weighted mean of the differences, rounded half to even; differences are of the signed type of
    the same width, sums wrap. A truth value changes where members with more than half of the samples changed it.

    Args:
        base: a sound file of the whole model.
        updates: in the order of summation.
        combine: of float tensors, element by element, in float64: from base and mean difference to the new values.

    Raises:
        OSError: a file cannot be read or written.
        TensorFileError: the base or an update is no sound file; whether its values are finite is not looked at.
        AggregateError: of the class that says why.
    """
    source = _File.opened(base)
    members = [_Member(_File.opened(update.path), update.samples) for update in updates]
    for member in members:
        member.check(source.header)
    tensors = source.header.tensors
    head, placed = safetensors.layout({name: (entry.dtype, entry.shape) for name, entry in tensors.items()})
    with safetensors.appearing(out) as file:
        file.write(head)
        for name in placed:
            _write_tensor(file, name, source, members, combine)


@dataclass(frozen=True)
class _File:
    """A file whose header is known; it is opened for each piece, so that thousands need no more than one descriptor."""

    path: Path
    header: Header

    @classmethod
    def opened(cls, path: Path) -> _File:
        with path.open("rb") as file:
            if not path.stat().st_size:  # which cannot be mapped
                return cls(path, safetensors.read_header(b""))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return cls(path, safetensors.read_header(mapped))

    def read(self, name: str, first: int, count: int) -> bytes:
        """Return `count` elements from the `first` on; OSError where the file has become shorter."""
        entry = self.header.tensors[name]
        size_bytes = ELEMENTS[entry.dtype].size_bytes
        with self.path.open("rb", buffering=0) as file:
            file.seek(entry.start + first * size_bytes)
            data = file.read(count * size_bytes)
        if data is None or len(data) != count * size_bytes:
            raise OSError(f"{self.path.name} ends inside {name}")
        return data


@dataclass(frozen=True)
class _Member:
    file: _File
    samples: Mapping[str, int]

    def weight(self, name: str) -> int:
        """Return the samples behind a tensor; 0 where the update does not hold it."""
        return self.samples[_component(name)] if name in self.file.header.tensors else 0

    def check(self, base: Header) -> None:
        for name, entry in self.file.header.tensors.items():
            where = f"{self.file.path.name}: {name}"
            own = base.tensors.get(name)
            if own is None or (own.dtype, own.shape) != (entry.dtype, entry.shape):
                held = f"{own.dtype} {list(own.shape)}" if own else "no such tensor"
                raise NotOfBase(f"{where} is {entry.dtype} {list(entry.shape)}; the base has {held}")
            if self.samples.get(_component(name), -1) < 0:
                raise NotWeighable(f"{where}: samples of {_component(name)} are not said, or below none")


def _component(name: str) -> str:
    """Return whom a tensor belongs to; a variant's samples are its own: `vision@light`."""
    return name.partition(".")[0]


def _write_tensor(file: BinaryIO, name: str, base: _File, members: Sequence[_Member], combine: Combine) -> None:
    """Write a tensor chunk by chunk: as it is where nobody counts, averaged otherwise."""
    entry = base.header.tensors[name]
    counted = [(member.file, member.weight(name)) for member in members if member.weight(name)]
    elements = entry.size_bytes // ELEMENTS[entry.dtype].size_bytes
    for first in range(0, elements, CHUNK_ELEMENTS):
        count = min(CHUNK_ELEMENTS, elements - first)
        data = base.read(name, first, count)
        if not counted:
            file.write(data)
        elif ELEMENTS[entry.dtype].exponent:
            mean = _mean(counted, name, first, count, entry.dtype)
            file.write(_floats(name, entry, data, mean, combine))
        else:
            mean = _mean(counted, name, first, count, entry.dtype)
            file.write(_flipped(data, mean) if entry.dtype == "BOOL" else _stepped(data, mean, entry.dtype))


def _mean(counted: Sequence[tuple[_File, int]], name: str, first: int, count: int, dtype: str) -> Floats:
    """Return the weighted mean (count,) of the members' differences, summed in their order."""
    import numpy as np

    total, product = np.zeros(count), np.empty(count)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found in the result
        for file, weight in counted:
            np.multiply(_difference(file.read(name, first, count), dtype), float(weight), out=product)
            np.add(total, product, out=total)
        return np.divide(total, float(sum(weight for _, weight in counted)), out=total)


def _floats(name: str, entry: Entry, data: bytes, mean: Floats, combine: Combine) -> bytes:
    """Return the combined values in the base's type; Overflow where one is not finite in it."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        values = combine(to_float64(data, entry.dtype), mean)
    encoded = from_float64(values, entry.dtype)
    if not np.isfinite(to_float64(encoded, entry.dtype)).all():
        raise Overflow(f"{name}: the mean is not a finite number in {entry.dtype}")
    return encoded


def _difference(data: bytes, dtype: str) -> Floats:
    import numpy as np

    return to_float64(data, dtype) if ELEMENTS[dtype].exponent else np.frombuffer(data, _signed(dtype)).astype(float)


def _signed(dtype: str) -> str:
    """Return numpy's signed type of an integer's width; of truth values it is 0 or 1 too."""
    return f"<i{ELEMENTS[dtype].size_bytes}"


def _stepped(data: bytes, mean: Floats, dtype: str) -> bytes:
    """Return the integers plus the mean, rounded half to even; what leaves the type's range wraps."""
    import numpy as np

    signed = _signed(dtype)
    # The largest float64 below 2⁶³: beyond it a conversion is not defined.
    steps = np.clip(np.rint(mean), -(2.0**63), 2.0**63 - 1024).astype(np.int64).astype(signed)
    stepped: np.ndarray[Any, Any] = np.frombuffer(data, signed) + steps
    return stepped.astype(signed).tobytes()


def _flipped(data: bytes, mean: Floats) -> bytes:
    """Return the truth values, changed where more than half of the weight changed them."""
    import numpy as np

    flipped: np.ndarray[Any, Any] = np.frombuffer(data, np.uint8) ^ (mean > 0.5)
    return flipped.astype(np.uint8).tobytes()
