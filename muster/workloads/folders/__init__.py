"""A device's own files as samples: what `--data DIR` reads.

A folder holds files of one format: `.npz` archives, `.csv` tables, or images, flat or in
subfolders named after classes. Files are joined in the order of their names. Where the folder has
a subfolder named after the workload, that one is meant, so that a device may run several. Whatever
is wrong with the files is a FolderError that names them, or an OSError of the system's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import Dataset, Source, Workload
from muster.workloads.folders import archives, images, tables
from muster.workloads.folders.parts import (
    MAX_BYTES,
    MAX_SAMPLES,
    Encoder,
    FolderError,
    Part,
    Reading,
    check_room,
    raw_tensors,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MAX_BYTES", "MAX_SAMPLES", "Encoder", "FolderError", "read"]

Reader = Callable[[Reading, Path], Part]

READERS: dict[str, Reader] = {".npz": archives.read, ".csv": tables.read, **dict.fromkeys(images.SUFFIXES, images.read)}

FORMATS = {".npz": "npz archives", ".csv": "tables", **dict.fromkeys(images.SUFFIXES, "images")}


def read(workload: Workload, source: Source, encoders: Mapping[str, Encoder] | None = None) -> Dataset:
    """Return the samples of a folder, at most `source.limit` of them, chosen by the seed.

    An input that no file gives is absent: zeros, and not present.

    Args:
        encoders: int64 input → what makes a text its values; such an input is a column of text in a table.

    Raises:
        FolderError: a file does not fit the workload, or the folder is empty, mixed or too large.
        OSError: the folder cannot be read.
    """
    if source.folder is None:
        raise ValueError("a source without a folder has no files to read")
    if source.held_out:
        raise FolderError(f"{source.folder}: own files have no held-out part; only the included data does")
    own = source.folder / workload.name
    folder = own if own.is_dir() else source.folder
    parts = _parts(Reading(workload, folder, encoders or {}))
    if not any(len(part.labels) for part in parts):
        raise FolderError(f"{folder}: the files hold no sample")
    return _dataset(workload, source, parts)


def _parts(reading: Reading) -> list[Part]:
    """Read the files one after the other, and stop as soon as they are too much together."""
    parts: list[Part] = []
    tensors, samples = list(raw_tensors(reading.workload).values()), 0
    for path in _files(reading.folder, reading.workload):
        parts.append(_part(reading, path))
        samples += len(parts[-1].labels)
        try:
            check_room(samples, tensors)
        except FolderError as error:
            raise FolderError(f"{reading.folder}: as of {path.name}, {error}") from None
    return parts


def _files(folder: Path, workload: Workload) -> list[Path]:
    """Return the files of the one format that the folder holds, in the order in which they are joined."""
    found = sorted(path for path in folder.iterdir() if _counts(path))
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        pictures = sorted(path for path in below.iterdir() if _counts(path) and path.suffix.lower() in images.SUFFIXES)
        if pictures and below.name not in workload.classes:
            known = ", ".join(workload.classes)
            raise FolderError(f"{below}: there is no class {below.name!r}; classes are {known}")
        found.extend(pictures)
    formats = sorted({FORMATS[path.suffix.lower()] for path in found})
    if len(formats) != 1:
        what = f"both {' and '.join(formats)}; keep one" if formats else "no .npz, .csv, .png, .jpg or .jpeg file"
        raise FolderError(f"{folder}: it holds {what}")
    if len(found) > MAX_SAMPLES:
        raise FolderError(f"{folder}: {len(found):,} files are more than {MAX_SAMPLES:,}, the limit")
    _bounded(folder, sum(path.stat().st_size for path in found), "of files")
    return found


def _counts(path: Path) -> bool:
    return path.suffix.lower() in READERS and not path.name.startswith(".") and path.is_file()


def _bounded(folder: Path, size_bytes: int, what: str) -> None:
    if size_bytes > MAX_BYTES:
        raise FolderError(
            f"{folder}: {size_bytes / 2**20:,.0f} MiB {what} are more than {MAX_BYTES >> 20} MiB, the limit"
        )


def _part(reading: Reading, path: Path) -> Part:
    """Read one file; whatever a library's parser makes of a malformed one becomes a FolderError."""
    try:
        return READERS[path.suffix.lower()](reading, path)
    except FolderError:
        raise
    except Exception as error:  # parsers of zip, npy, csv and images raise a dozen kinds
        raise FolderError(f"{path}: it cannot be read: {type(error).__name__}: {error}") from error


def _dataset(workload: Workload, source: Source, parts: list[Part]) -> Dataset:
    """Join the parts, then choose; only what is chosen is copied."""
    import numpy as np

    total = sum(len(part.labels) for part in parts)
    chosen = np.arange(total)
    if source.limit is not None and source.limit < total:
        chosen = np.sort(np.random.default_rng(source.seed).permutation(total)[: source.limit])
    inputs = {raw.tensor.name: _joined(workload, raw.tensor.name, parts)[chosen] for raw in workload.inputs}
    labels = np.concatenate([part.labels for part in parts])[chosen]
    return Dataset(inputs, labels, _present(workload, inputs), synthetic=False)


def _joined(workload: Workload, name: str, parts: list[Part]) -> np.ndarray[Any, Any]:
    import numpy as np

    tensor = workload.tensor(name)

    def values(part: Part) -> np.ndarray[Any, Any]:
        there = part.inputs.get(name)
        return np.zeros((len(part.labels), *tensor.shape), tensor.dtype.value) if there is None else there

    return np.concatenate([values(part) for part in parts])


def _present(workload: Workload, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return modality → whether any of its inputs holds more than zeros, as the modules themselves judge."""
    present: dict[str, np.ndarray[Any, Any]] = {}
    for raw in workload.inputs:
        values = inputs[raw.tensor.name]
        there = (values != 0).reshape(len(values), -1).any(axis=1)
        present[raw.modality] = present[raw.modality] | there if raw.modality in present else there
    return present
