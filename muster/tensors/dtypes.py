"""Element types by the names that safetensors gives them, and what numpy and torch call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Element:
    """An element type.

    Attributes:
        numpy: its numpy type string, little-endian; None where numpy has none.
        torch: its attribute of the torch module.
        exponent: for floats, the bits that are all ones in an infinity or a NaN; 0 for everything else.
    """

    size_bytes: int
    numpy: str | None
    torch: str
    exponent: int = 0


ELEMENTS = {
    "F64": Element(8, "<f8", "float64", 0x7FF0_0000_0000_0000),
    "F32": Element(4, "<f4", "float32", 0x7F80_0000),
    "F16": Element(2, "<f2", "float16", 0x7C00),
    "BF16": Element(2, None, "bfloat16", 0x7F80),
    "I64": Element(8, "<i8", "int64"),
    "I32": Element(4, "<i4", "int32"),
    "I16": Element(2, "<i2", "int16"),
    "I8": Element(1, "|i1", "int8"),
    "U64": Element(8, "<u8", "uint64"),
    "U32": Element(4, "<u4", "uint32"),
    "U16": Element(2, "<u2", "uint16"),
    "U8": Element(1, "|u1", "uint8"),
    "BOOL": Element(1, "|b1", "bool"),
}
_OF_NUMPY = {element.numpy: name for name, element in ELEMENTS.items() if element.numpy}
_OF_TORCH = {f"torch.{element.torch}": name for name, element in ELEMENTS.items()}


def of_numpy(dtype: np.dtype[Any]) -> str:
    """Return the name of a numpy type in either byte order; ValueError where safetensors has none."""
    try:
        return _OF_NUMPY[dtype.newbyteorder("<").str]
    except KeyError:
        raise ValueError(f"tensors of {dtype} are not kept in files") from None


def of_torch(dtype: torch.dtype) -> str:
    """Return the name of a torch type; ValueError where it is none that Muster keeps."""
    try:
        return _OF_TORCH[str(dtype)]
    except KeyError:
        raise ValueError(f"tensors of {dtype} are not kept in files") from None


def to_torch(name: str) -> torch.dtype:
    """Return the torch type of a name in ELEMENTS."""
    import torch

    dtype: torch.dtype = getattr(torch, ELEMENTS[name].torch)
    return dtype
