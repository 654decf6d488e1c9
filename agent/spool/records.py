"""Records of a segment file: length, CRC-32, sequence, then the frame's encoded body.

4 bytes   length of the body, big endian
4 bytes   CRC-32 of sequence and body
8 bytes   sequence
n bytes   body
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from muster.wire.messages import MAX_MESSAGE_BYTES

_HEADER = struct.Struct(">II")
_SEQUENCE = struct.Struct(">Q")
OVERHEAD_BYTES = _HEADER.size + _SEQUENCE.size


@dataclass(frozen=True, slots=True)
class Record:
    """One frame in a segment; `end` is the offset behind it."""

    seq: int
    body: bytes
    end: int


def encode(seq: int, body: bytes) -> bytes:
    """Return the bytes of one record."""
    covered = _SEQUENCE.pack(seq) + body
    return _HEADER.pack(len(body), zlib.crc32(covered)) + covered


def parse(data: bytes, start: int = 0) -> Iterator[Record]:
    """Yield the whole records of a segment from offset `start`.

    A torn or damaged end ends the walk. A single damaged record in the middle is
    passed over when the one behind it proves that its length is right.
    """
    offset = start
    while (record := _at(data, offset) or _behind_damage(data, offset)) is not None:
        yield record
        offset = record.end


def _at(data: bytes, offset: int) -> Record | None:
    end = _end(data, offset)
    if end is None:
        return None
    _, crc = _HEADER.unpack_from(data, offset)
    covered = data[offset + _HEADER.size : end]
    if zlib.crc32(covered) != crc:
        return None
    (seq,) = _SEQUENCE.unpack_from(covered)
    return Record(seq, covered[_SEQUENCE.size :], end)


def _behind_damage(data: bytes, offset: int) -> Record | None:
    end = _end(data, offset)
    return None if end is None else _at(data, end)


def _end(data: bytes, offset: int) -> int | None:
    if offset + OVERHEAD_BYTES > len(data):
        return None
    length, _ = _HEADER.unpack_from(data, offset)
    end: int = offset + OVERHEAD_BYTES + length
    return end if length <= MAX_MESSAGE_BYTES and end <= len(data) else None
