"""Reads `.csv`: a sample a row.

An input's values stand in the columns `name_0`, `name_1` … in row-major order; an input with an
encoder may be one column of text instead, named as the input. The column `label` is a class by
name or index. An input whose cells are all empty is absent from that sample.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import DType, Tensor
from muster.workloads.folders.parts import (
    Encoder,
    FolderError,
    Part,
    Reading,
    check_room,
    checked,
    label_of,
    raw_tensors,
)

if TYPE_CHECKING:
    import numpy as np

LABEL = "label"


@dataclass(frozen=True)
class _Field:
    """An input and where a table has it.

    Attributes:
        columns: of its values in row-major order; one where it is text.
        encoder: of the text, None where the columns are numbers.
    """

    tensor: Tensor
    columns: tuple[int, ...]
    encoder: Encoder | None

    def values(self, cells: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return the input of a row, of the declared shape and unchecked; zeros where all cells are empty."""
        import numpy as np

        texts = [cells[column].strip() for column in self.columns]
        dtype = np.float64 if self.tensor.dtype == DType.FLOAT32 else np.int64
        if not any(texts):
            return np.zeros(self.tensor.shape, dtype)
        if self.encoder is not None:
            return np.array(self.encoder(texts[0]), dtype).reshape(self.tensor.shape)
        numbers = [self._number(text, index) for index, text in enumerate(texts)]
        return np.array(numbers, dtype).reshape(self.tensor.shape)

    def _number(self, text: str, index: int) -> float:
        try:
            number = float(text) if self.tensor.dtype == DType.FLOAT32 else int(text)
        except ValueError:
            raise FolderError(f"{self.tensor.name}_{index} holds {text[:40]!r}, which is no number") from None
        if abs(number) >= 2**63:  # an int of any length would not fit into an array
            raise FolderError(f"{self.tensor.name}_{index} holds {text[:40]}, which is too large")
        return number


def read(reading: Reading, path: Path) -> Part:
    """Return the samples of one table."""
    import numpy as np

    classes = reading.workload.classes
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = [name.strip() for name in next(rows, [])]
        fields = _fields(path, header, raw_tensors(reading.workload), reading.encoders)
        label_column = header.index(LABEL) if LABEL in header else None
        tensors = [field.tensor for field in fields]
        labels: list[int] = []
        values: list[list[np.ndarray[Any, Any]]] = [[] for _ in fields]
        for where, cells in _rows(path, rows, len(header)):
            try:
                check_room(len(labels) + 1, tensors)
                for field, taken in zip(fields, values, strict=True):
                    taken.append(checked(field.tensor, field.values(cells)[None], lambda _: "")[0])
                labels.append(-1 if label_column is None else label_of(cells[label_column], classes))
            except FolderError as error:
                raise FolderError(f"{where}: {error}") from None
    return Part(
        {t.name: _stacked(t, taken) for t, taken in zip(tensors, values, strict=True)}, np.array(labels, np.int64)
    )


def _stacked(tensor: Tensor, samples: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array(samples, tensor.dtype.value).reshape(len(samples), *tensor.shape)


def _rows(path: Path, rows: Iterator[list[str]], width: int) -> Iterator[tuple[str, list[str]]]:
    """Yield where a row is, for messages, and its cells; empty lines are passed over."""
    for number, cells in enumerate(rows, start=2):
        if not cells:
            continue
        where = f"{path}, row {number}"
        if len(cells) != width:
            raise FolderError(f"{where}: it has {len(cells)} cells under a header of {width}")
        yield where, cells


def _fields(
    path: Path, header: Sequence[str], tensors: Mapping[str, Tensor], encoders: Mapping[str, Encoder]
) -> list[_Field]:
    """Return where the inputs are that a header names; FolderError where it repeats, lacks or invents a column."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise FolderError(f"{path}: the header has {twice[0][:40]!r} twice")
    fields = [field for tensor in tensors.values() if (field := _field(path, header, tensor, encoders)) is not None]
    taken = {column for field in fields for column in field.columns}
    unknown = [name for column, name in enumerate(header) if column not in taken and name != LABEL]
    wanted = ", ".join((*(_spelling(tensor, encoders) for tensor in tensors.values()), LABEL))
    if unknown:
        raise FolderError(f"{path}: there is no column {unknown[0][:40]!r}; columns are {wanted}")
    if not fields:
        raise FolderError(f"{path}: the header names no input; columns are {wanted}")
    return fields


def _field(path: Path, header: Sequence[str], tensor: Tensor, encoders: Mapping[str, Encoder]) -> _Field | None:
    """Return where an input is; None where the header does not mention it."""
    if tensor.name in encoders and tensor.name in header:
        return _Field(tensor, (header.index(tensor.name),), encoders[tensor.name])
    place = {name: column for column, name in enumerate(header)}
    names = [f"{tensor.name}_{index}" for index in range(prod(tensor.shape))]
    missing = [name for name in names if name not in place]
    if len(missing) == len(names):
        return None
    if missing:
        raise FolderError(f"{path}: the header lacks {missing[0]}; {tensor.name} needs {len(names)} columns")
    return _Field(tensor, tuple(place[name] for name in names), None)


def _spelling(tensor: Tensor, encoders: Mapping[str, Encoder]) -> str:
    return tensor.name if tensor.name in encoders else f"{tensor.name}_0 … {tensor.name}_{prod(tensor.shape) - 1}"
