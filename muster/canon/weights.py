"""The hash of a set of tensors: of what they are, not of the file that carried them."""

import hashlib
import struct
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
    """
    digest = hashlib.sha256()
    for tensor in sorted(tensors, key=lambda tensor: tensor.name.encode()):
        data = memoryview(tensor.data).cast("B")
        for text in (tensor.name.encode(), tensor.dtype.encode()):
            digest.update(struct.pack(">Q", len(text)) + text)
        numbers = (len(tensor.shape), *tensor.shape, data.nbytes)
        digest.update(struct.pack(f">{len(numbers)}Q", *numbers))
        digest.update(data)
    return digest.hexdigest()
