"""Artifacts on disk, by the hash of their bytes.

`<sha256>` is whole: the name was given after the hash held and the bytes were synced.
`<sha256>.part` is the beginning of one, from byte 0, and is continued after any break. The
hash is computed over what lies on disk, so a part that a crash tore costs a new download and
is never taken for whole.
"""

import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent.faults import Damaged, ShelfFailed
from agent.files import OWNER_ONLY, sync_folder
from muster.wire.targets import Reason

PART = ".part"
BLOCK_BYTES = 1 << 20
RESERVE_BYTES = 96 << 20  # of the disk, never filled with artifacts: the spool may take 64 MiB

Write = Callable[[BinaryIO, bytes], object]
Free = Callable[[Path], int]
Claim = Callable[[], Collection[str]]


def free_bytes(folder: Path) -> int:
    """Return what the disk of a folder still takes."""
    return shutil.disk_usage(folder).free


class Interrupted(Exception):
    """The agent ends while a file is being hashed."""


@dataclass(frozen=True)
class Hashed:
    """A file's hash and the processor seconds that it took."""

    sha256: str
    cpu_s: float


class Shelf:
    """The folder of artifacts; `finish`, `verify`, `prune` and a part's `append` read or write and block."""

    def __init__(
        self, folder: Path, write: Write = lambda file, data: file.write(data), free: Free = free_bytes
    ) -> None:
        """Prepare.

        Args:
            write: how bytes reach a file.
            free: tells how much the disk still takes.
        """
        self._folder = folder
        self._write = write
        self._free = free
        self._stopping = threading.Event()
        self._claims: list[Claim] = []
        self._pruning = threading.Lock()  # between the look at the claims and the removal nothing is begun

    def claim(self, needed: Claim) -> None:
        """Let pruning keep what `needed` returns whenever it looks; it may be called from a thread."""
        self._claims.append(needed)

    def path(self, sha256: str) -> Path:
        """Return where the whole file is or will be."""
        return self._folder / sha256

    def holds(self, sha256: str, size_bytes: int) -> bool:
        """Return whether the whole file is here."""
        return _size(self.path(sha256)) == size_bytes

    def have_bytes(self, sha256: str) -> int:
        """Return how many bytes are here, whole or in part."""
        size = _size(self.path(sha256))
        return size if size is not None else _size(self._part(sha256)) or 0

    def open_part(self, sha256: str, limit_bytes: int) -> "PartFile":
        """Open the part of an artifact, at its end.

        Raises:
            ShelfFailed: the folder or the file cannot be made, or the whole would fill the disk.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self.require(limit_bytes - self.have_bytes(sha256))
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            with self._pruning:
                descriptor = os.open(self._part(sha256), flags, OWNER_ONLY)
        except OSError as error:
            raise failure(error) from error
        part = PartFile(os.fdopen(descriptor, "a+b", buffering=0), self._write)
        if part.size_bytes > limit_bytes:
            part.truncate()
        return part

    def finish(self, sha256: str, part: "PartFile") -> None:
        """Give a complete part its final name.

        Raises:
            Damaged: it has other bytes; the part is gone.
            ShelfFailed: it could not be synced or renamed; the part stays.
        """
        found = part.sha256(self._stopping.is_set)
        if found != sha256:
            self.discard(sha256)
            raise Damaged(Reason.DOWNLOAD_CORRUPT, f"the artifact {sha256[:12]} came with other bytes ({found[:12]})")
        try:
            part.sync()
            self._part(sha256).rename(self.path(sha256))
            sync_folder(self._folder)
        except OSError as error:
            raise failure(error) from error

    def verify(self, sha256: str) -> float:
        """Hash a whole file as the disk holds it and return the processor seconds that it took.

        Raises:
            Damaged: it has other bytes or cannot be read; it is gone from the shelf.
        """
        try:
            with self.path(sha256).open("rb") as file:
                # Not what memory remembers of the file: what the disk gives back.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                hashed = sha256_of(file, self._stopping.is_set)
            problem = "" if hashed.sha256 == sha256 else "has other bytes"
        except FileNotFoundError:
            problem = "is missing"
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
        if problem:
            self.discard(sha256)
            raise Damaged(Reason.DISK_CORRUPT, f"the stored artifact {sha256[:12]} {problem}; it is fetched again")
        return hashed.cpu_s

    def discard(self, sha256: str) -> None:
        """Remove an artifact, whole or in part."""
        try:
            self.path(sha256).unlink(missing_ok=True)
            self._part(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise failure(error) from error

    def prune(self) -> int:
        """Remove every artifact and part that nobody claims and return how many went."""
        if not self._folder.is_dir():
            return 0
        gone = 0
        for path in list(self._folder.iterdir()):
            with self._pruning:
                if not any(path.name.removesuffix(PART) in needed() for needed in self._claims):
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone

    def stop(self) -> None:
        """Let a hash in progress end soon."""
        self._stopping.set()

    def require(self, needed_bytes: int) -> None:
        """Raise ShelfFailed unless the disk takes so many bytes more; the folder must be there."""
        free = self._free(self._folder)
        if needed_bytes > 0 and needed_bytes + RESERVE_BYTES > free:
            kept = f"{RESERVE_BYTES >> 20} MiB are kept free"
            raise ShelfFailed(
                Reason.DISK_FULL, f"{needed_bytes / 2**20:.1f} MiB are missing and {free >> 20} MiB are free; {kept}"
            )

    def _part(self, sha256: str) -> Path:
        return self._folder / f"{sha256}{PART}"


class PartFile:
    """The beginning of an artifact, open for appending."""

    def __init__(self, file: BinaryIO, write: Write) -> None:
        self._file = file
        self._write = write
        self.size_bytes = os.fstat(file.fileno()).st_size

    def append(self, data: bytes) -> None:
        """Append, all or nothing.

        Raises:
            ShelfFailed: the disk takes no more; the part is as before.
        """
        try:
            written = self._write(self._file, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(self._file.fileno(), self.size_bytes)
            raise failure(error) from error
        self.size_bytes += len(data)

    def truncate(self) -> None:
        """Begin again from byte 0."""
        os.ftruncate(self._file.fileno(), 0)
        self.size_bytes = 0

    def sha256(self, stopping: Callable[[], bool]) -> str:
        """Return the hash of what the file holds."""
        self._file.seek(0)
        return sha256_of(self._file, stopping).sha256

    def sync(self) -> None:
        """Make the bytes survive a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; a part is not synced, its hash tells whether it survived."""
        self._file.close()


def sha256_of(file: BinaryIO, stopping: Callable[[], bool]) -> Hashed:
    """Hash a file from its position on, in blocks between which others may run."""
    began_s = time.thread_time()
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        if stopping():
            raise Interrupted
    return Hashed(digest.hexdigest(), time.thread_time() - began_s)


def failure(error: OSError) -> ShelfFailed:
    """Return the disk's refusal; whatever it is, the way out is a disk that takes data."""
    return ShelfFailed(Reason.DISK_FULL, f"the disk does not take artifacts: {error.strerror or error}")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
