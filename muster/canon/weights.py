"""The hash of a set of tensors: of what they are, not of the file that carried them."""

import hashlib
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Weights:
    """One named tensor as bytes.

    Attributes:
        dtype: as safetensors spells it: F32, BF16, I64 …
        data: the elements in row-major order, little-endian, as any contiguous buffer; it is not copied.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: Any


def weights_sha256(tensors: Iterable[Weights]) -> str:
    """Return the lower-case hexadecimal SHA-256 over the tensors in order of their names.

    For each tensor: name, dtype, number of dimensions, each dimension, number of bytes, bytes. Texts
    are UTF-8 behind their length; every number is 8 bytes, big-endian. So neither metadata nor the
    order or padding of a file changes the hash, and no two different sets share one encoding.

    >>> weights_sha256([])[:16]
    'e3b0c44298fc1c14'

    Raises:
        ValueError: a tensor whose elements do not lie in row-major order without gaps or are not
            little-endian, or two of one name.
    """
    digest = hashlib.sha256()
    previous = None
    for tensor in sorted(tensors, key=lambda tensor: tensor.name.encode()):
        if tensor.name == previous:
            raise ValueError(f"two tensors have the name {tensor.name!r}")
        previous = tensor.name
        for text in (tensor.name.encode(), tensor.dtype.encode()):
            digest.update(struct.pack(">Q", len(text)) + text)
        data = _bytes(tensor)
        numbers = (len(tensor.shape), *tensor.shape, data.nbytes)
        digest.update(struct.pack(f">{len(numbers)}Q", *numbers))
        digest.update(data)  # other threads run meanwhile: hashlib lets go of the interpreter for large buffers
    return digest.hexdigest()


def _bytes(tensor: Weights) -> memoryview:
    """Return a tensor's elements as bytes, not copied."""
    data = memoryview(tensor.data)
    if not data.c_contiguous:
        raise ValueError(f"{tensor.name}: its elements do not lie in row-major order without gaps")
    if data.itemsize > 1 and (data.format[0] in ">!" or (sys.byteorder == "big" and data.format[0] != "<")):
        raise ValueError(f"{tensor.name}: its elements are not little-endian")
    # A view with an empty dimension cannot be cast, and has nothing to hash.
    return data.cast("B") if data.nbytes else memoryview(b"")
