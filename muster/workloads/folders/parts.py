"""What the readers of all formats share: their result, their limits, their checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import DType, Tensor, Workload

if TYPE_CHECKING:
    import numpy as np

# A device keeps its samples in memory, beside the model: so much is plenty and still fits a small one.
MAX_SAMPLES = 20_000
MAX_BYTES = 256 << 20  # of the files of a folder, and of the arrays that come from them

Encoder = Callable[[str], Sequence[int]]  # a text → the values of an int64 input


class FolderError(ValueError):
    """A folder of own files does not fit; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Reading:
    """What every file of a folder is read with.

    Attributes:
        encoders: int64 input → what makes a text its values.
    """

    workload: Workload
    folder: Path
    encoders: Mapping[str, Encoder]


@dataclass(frozen=True)
class Part:
    """The samples of one file.

    Attributes:
        inputs: raw input name → array (N, …) of the declared dtype, only of the inputs that the file gives.
        labels: (N,) int64, −1 where unknown.
    """

    inputs: Mapping[str, np.ndarray[Any, Any]]
    labels: np.ndarray[Any, Any]


def raw_tensors(workload: Workload) -> dict[str, Tensor]:
    """Return raw input name → its tensor."""
    return {raw.tensor.name: raw.tensor for raw in workload.inputs}


def check_room(samples: int, tensors: Sequence[Tensor]) -> None:
    """Raise FolderError if so many samples are too many or need too much memory, before any is taken."""
    if samples > MAX_SAMPLES:
        raise FolderError(f"{samples:,} samples are more than {MAX_SAMPLES:,}, the limit")
    size_bytes = samples * sum(prod(tensor.shape) * (4 if tensor.dtype == DType.FLOAT32 else 8) for tensor in tensors)
    if size_bytes > MAX_BYTES:
        raise FolderError(f"{size_bytes / 2**20:,.0f} MiB in memory are more than {MAX_BYTES >> 20} MiB, the limit")


def checked(tensor: Tensor, values: np.ndarray[Any, Any], prefix: Callable[[int], str]) -> np.ndarray[Any, Any]:
    """Return values (N, …) in the declared dtype; FolderError where one is not finite or out of its range.

    Args:
        prefix: of the message, given the sample at fault.
    """
    import numpy as np

    if tensor.dtype == DType.FLOAT32:
        with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused below
            cast = values.astype(np.float32)
        wrong, why = ~np.isfinite(cast), "is no finite number of 32 bits"
    else:
        cast = values.astype(np.int64)
        wrong, why = (values < 0) | (values >= tensor.limit), f"is not within 0 and {tensor.limit - 1}"
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise FolderError(f"{prefix(place[0])}{tensor.name} holds {values[place]}, which {why}")
    return cast


def label_of(text: str, classes: Sequence[str]) -> int:
    """Return the index of a class that is given by name or by index; −1 for an empty text.

    Raises:
        FolderError: there is no such class.

    >>> label_of("fall", ("steady", "fall")), label_of("0", ("steady", "fall")), label_of("", ("steady", "fall"))
    (1, 0, -1)
    """
    text = text.strip()
    if text in ("", "-1"):
        return -1
    if text in classes:
        return classes.index(text)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(classes):
        return int(text)
    raise FolderError(f"there is no class {text[:40]!r}; classes are {', '.join(classes)}")
