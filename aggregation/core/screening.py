"""Whether an update may count: looked at before a byte of it enters a mean.

One NaN, one wrong shape or one weight of a billion samples would spoil the round for everybody. What comes
first is cheap: the statement, then the file's header, then every value once.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import hypot, sqrt
from pathlib import Path
from typing import Any

from aggregation.core.lifecycle import Screen
from muster.tensors import safetensors
from muster.tensors.dtypes import ELEMENTS
from muster.tensors.errors import NotBoolean, NotFinite, TensorFileError
from muster.tensors.finite import check_values
from muster.tensors.floats import to_float64
from muster.wire.work import UpdateKind

Expected = Mapping[str, tuple[str, tuple[int, ...]]]  # tensor → dtype, shape

# Of one component on one device. Samples are weights: who may claim any number may decide every mean alone.
MAX_SAMPLES = 1_000_000
DETAIL_CHARACTERS = 300  # what the table keeps
BLOCK_ELEMENTS = 1 << 18  # squared at once: 2 MiB of float64


@dataclass(frozen=True)
class Screened:
    """The verdict.

    Attributes:
        reason: NONE if it may count.
        detail: for people, in English; empty if it may count.
        norm: Euclidean, over all differences of float tensors together; None where the values were not reached.
    """

    reason: Screen
    detail: str
    norm: float | None

    @property
    def accepted(self) -> bool:
        return self.reason is Screen.NONE


class _Refused(Exception):
    def __init__(self, reason: Screen, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def screen(
    path: Path,
    *,
    expected: Expected,
    trained: Collection[str],
    samples: Mapping[str, int],
    kind: str,
    wanted_kind: str,
    max_norm: float,
) -> Screened:
    """Return whether an update may count, and the first reason against it.

    Args:
        path: of the update's file, whose hash is already known to be the stated one.
        expected: `component.tensor` → dtype and shape, of all tensors of the base.
        trained: components that the round trains.
        samples: as the member states them; each of these components' tensors must be in the file.
        kind, wanted_kind: of the update and of the phase, see UpdateKind; plain ones alone are looked into.
        max_norm: above it the update is refused.

    Raises:
        OSError: the file cannot be read, which says nothing against the update.
        ValueError: the phase wants a kind that this rule cannot read.
    """
    norm = None
    try:
        _check_statement(trained, samples, kind, wanted_kind)
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise _Refused(Screen.MALFORMED, "the file is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                header = _header(mapped)
                _check_names(header, expected, trained, samples)
                _check_values(mapped, header)
                norm = _norm(mapped, header)
        if norm > max_norm:
            raise _Refused(Screen.NORM, f"the norm of all differences is {norm:.6g}; {max_norm:.6g} is the most")
    except _Refused as refused:
        return Screened(refused.reason, str(refused)[:DETAIL_CHARACTERS], norm)
    return Screened(Screen.NONE, "", norm)


def _check_statement(trained: Collection[str], samples: Mapping[str, int], kind: str, wanted_kind: str) -> None:
    if kind != wanted_kind:
        raise _Refused(Screen.KIND, f"the update is {kind}; the phase wants {wanted_kind}")
    if kind != UpdateKind.PLAIN:
        raise ValueError(f"the values of a {kind} update cannot be screened")
    if not samples:
        raise _Refused(Screen.NO_SAMPLES, "no component has any samples")
    for component, count in sorted(samples.items()):
        if component not in trained:
            raise _Refused(Screen.NO_SAMPLES, f"{component[:80]} has samples and is not trained")
        if not 0 < count <= MAX_SAMPLES:
            raise _Refused(Screen.NO_SAMPLES, f"{component} has {count} samples; 1 to {MAX_SAMPLES} are taken")


def _header(mapped: mmap.mmap) -> safetensors.Header:
    try:
        return safetensors.read_header(mapped)
    except TensorFileError as error:
        raise _Refused(Screen.MALFORMED, str(error)) from error


def _check_names(
    header: safetensors.Header, expected: Expected, trained: Collection[str], samples: Mapping[str, int]
) -> None:
    """Refuse unless the file holds just the tensors of the components that have samples, as they are in the base."""
    for name, entry in header.tensors.items():
        component = name.partition(".")[0]
        if name not in expected or component not in trained:
            raise _Refused(Screen.EXTRA_TENSOR, f"{name} is no tensor that the round trains")
        if component not in samples:
            raise _Refused(Screen.UNTRAINED, f"{name} is there, and {component} has no samples")
        dtype, shape = expected[name]
        if entry.shape != tuple(shape):
            raise _Refused(Screen.WRONG_SHAPE, f"{name} has shape {list(entry.shape)}, expected {list(shape)}")
        if entry.dtype != dtype:
            raise _Refused(Screen.WRONG_DTYPE, f"{name} is {entry.dtype}, expected {dtype}")
    for name in sorted(expected.keys() - header.tensors.keys()):
        if name.partition(".")[0] in samples:
            raise _Refused(Screen.MISSING_TENSOR, f"{name} is missing")


def _check_values(mapped: mmap.mmap, header: safetensors.Header) -> None:
    try:
        for name, entry in header.tensors.items():
            check_values(mapped, name, entry.dtype, entry.start, entry.end)
    except NotFinite as error:
        raise _Refused(Screen.NOT_FINITE, str(error)) from error
    except NotBoolean as error:
        raise _Refused(Screen.MALFORMED, str(error)) from error


def _norm(mapped: mmap.mmap, header: safetensors.Header) -> float:
    """Return the Euclidean norm over all float tensors, in float64; the largest float where it is beyond."""
    norm = 0.0
    for entry in header.tensors.values():
        element = ELEMENTS[entry.dtype]
        if element.exponent:
            step = BLOCK_ELEMENTS * element.size_bytes
            for start in range(entry.start, entry.end, step):
                norm = hypot(norm, _block_norm(mapped[start : min(start + step, entry.end)], entry.dtype))
    return min(norm, sys.float_info.max)


def _block_norm(data: Any, dtype: str) -> float:
    import numpy as np

    values = to_float64(data, dtype)
    with np.errstate(over="ignore"):
        return sqrt(float(np.square(values).sum()))
