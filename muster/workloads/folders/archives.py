"""Reads `.npz`: arrays named after the inputs, optionally `labels`.

Nothing is allocated on the word of a header: its shape is compared with the declared one and with
the size of the archive's member first. Pickled objects are refused.
"""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import DType, Tensor, Workload
from muster.workloads.folders.parts import MAX_BYTES, FolderError, Part, Reading, check_room, checked, raw_tensors

if TYPE_CHECKING:
    import numpy as np

LABELS = "labels"
SUFFIX = ".npy"

KINDS = {DType.FLOAT32: "fiub", DType.INT64: "iu"}  # numpy's letters of the types that an input may be given in


def read(reading: Reading, path: Path) -> Part:
    """Return the samples of one archive."""
    workload, tensors = reading.workload, raw_tensors(reading.workload)
    with zipfile.ZipFile(path) as archive:
        members = _members(path, archive, {*tensors, LABELS})
        arrays = {name: _array(path, archive, member) for name, member in members.items()}
    given = {name: tensors[name] for name in arrays if name != LABELS}
    if not given:
        raise FolderError(f"{path}: it holds none of the inputs {', '.join(tensors)}")
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) != 1:
        raise FolderError(f"{path}: arrays differ in length: {', '.join(f'{n} {c}' for n, c in counts.items())}")
    samples = next(iter(counts.values()))
    _check_room(path, samples, list(given.values()))
    inputs = {name: _input(path, workload, tensor, arrays[name]) for name, tensor in given.items()}
    return Part(inputs, _labels(path, workload, arrays.get(LABELS), samples))


def _members(path: Path, archive: zipfile.ZipFile, known: set[str]) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(SUFFIX)
        if name not in known or not member.filename.endswith(SUFFIX):
            raise FolderError(f"{path}: it holds {member.filename[:80]!r}; arrays are {', '.join(sorted(known))}")
        if name in members:
            raise FolderError(f"{path}: it holds {name} twice")
        members[name] = member
    size_bytes = sum(member.file_size for member in members.values())
    if size_bytes > MAX_BYTES:
        raise FolderError(f"{path}: {size_bytes >> 20:,} MiB unpacked are more than {MAX_BYTES >> 20} MiB, the limit")
    return members


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
    """Return an array of numbers whose header and size agree."""
    import numpy as np
    from numpy.lib import format as npy

    with archive.open(member) as file:
        major = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if major == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.kind not in "fiub" or dtype.itemsize == 0:
            raise FolderError(f"{path}: {member.filename} holds {dtype.name}; numbers are wanted")
        left_bytes = member.file_size - file.tell()
        if prod(shape) * dtype.itemsize != left_bytes:
            raise FolderError(f"{path}: {member.filename} says {shape} of {dtype.name} but has {left_bytes} bytes")
        flat = np.frombuffer(file.read(), dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _input(path: Path, workload: Workload, tensor: Tensor, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an input's samples; 8-bit images become fractions of 1, and a lone channel need not be spelled out."""
    if values.dtype.kind not in KINDS[tensor.dtype]:
        raise FolderError(f"{path}: {tensor.name} holds {values.dtype.name}; {tensor.dtype.value} is wanted")
    shapes = {tensor.shape, tensor.shape[1:]} if tensor.shape[:1] == (1,) else {tensor.shape}
    if values.ndim == 0 or values.shape[1:] not in shapes:
        wanted = ", ".join(str(size) for size in ("N", *tensor.shape))
        raise FolderError(f"{path}: {tensor.name} has the shape {values.shape}; ({wanted}) is wanted")
    is_image = any(raw.tensor == tensor and raw.modality == "vision" for raw in workload.inputs)
    scaled = values / 255 if is_image and values.dtype.name == "uint8" else values
    return checked(tensor, scaled.reshape(-1, *tensor.shape), lambda row: f"{path}: sample {row}: ")


def _labels(path: Path, workload: Workload, labels: np.ndarray[Any, Any] | None, samples: int) -> np.ndarray[Any, Any]:
    import numpy as np

    if labels is None:
        return np.full(samples, -1, np.int64)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise FolderError(
            f"{path}: labels holds {labels.dtype.name} of the shape {labels.shape}; (N) integers are wanted"
        )
    wrong = np.flatnonzero((labels < -1) | (labels >= len(workload.classes)))
    if len(wrong):
        row, last = int(wrong[0]), len(workload.classes) - 1
        raise FolderError(f"{path}: sample {row}: the label {labels[row]} is neither a class 0 to {last} nor −1")
    return labels.astype(np.int64)


def _check_room(path: Path, samples: int, tensors: list[Tensor]) -> None:
    try:
        check_room(samples, tensors)
    except FolderError as error:
        raise FolderError(f"{path}: {error}") from None
