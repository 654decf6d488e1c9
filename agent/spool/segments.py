"""Append-only files of records: one boot has one or more, the newest is being written."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent.spool import records

_SUFFIX = ".frames"
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{12,}\.frames")


@dataclass
class Segment:
    """One file: frames `first_seq` to `last_seq` of one boot, `size_bytes` of whole records."""

    path: Path
    boot: str
    first_seq: int
    last_seq: int
    size_bytes: int

    def read(self, offset: int) -> bytes:
        """Return the bytes from `offset`; nothing if the file was dropped meanwhile."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""


class SegmentWriter:
    """The open end of the newest segment."""

    def __init__(self, folder: Path, boot: str, first_seq: int) -> None:
        path = folder / f"{boot}.{first_seq:012d}{_SUFFIX}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.segment = Segment(path, boot, first_seq, first_seq - 1, 0)

    def append(self, seq: int, body: bytes) -> int:
        """Append one record and return its size.

        Raises:
            OSError: nothing was appended; what the failed write left is cut off again.
        """
        data = records.encode(seq, body)
        try:
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError(28, "No space left on device")
        except OSError:
            os.ftruncate(self._descriptor, self.segment.size_bytes)
            raise
        self.segment.size_bytes += len(data)
        self.segment.last_seq = seq
        return len(data)

    def duplicate(self) -> int:
        """Return a second descriptor, for a sync that outlives this writer."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """Close the file; what was written is not synced by this."""
        os.close(self._descriptor)


def recover(folder: Path) -> list[Segment]:
    """Return the segments of earlier boots, oldest first, with their torn ends cut off.

    A file without one whole record is removed; one whose name is not ours is left alone.
    """
    found = []
    for path in sorted(path for path in folder.glob(f"*{_SUFFIX}") if _NAME.fullmatch(path.name)):
        segment = _recover_one(path)
        if segment is None:
            path.unlink()
        else:
            found.append(segment)
    return found


def _recover_one(path: Path) -> Segment | None:
    boot, _, _ = path.name.removesuffix(_SUFFIX).partition(".")
    data = path.read_bytes()
    first, last = None, None
    for last in records.parse(data):
        first = first or last
    if first is None or last is None:
        return None
    if last.end < len(data):
        os.truncate(path, last.end)
    return Segment(path, boot, first.seq, last.seq, last.end)
