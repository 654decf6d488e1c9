"""Keeps files by the SHA-256 of their bytes: a name that is there is whole and true (I5).

    MUSTER_DATA_DIR/blobs/sha256/ab/cd/abcd…   what has a name; never written to again
    MUSTER_DATA_DIR/blobs/drafts/…             what has none yet; what a crash leaves here, `tidy` removes

A file is written as a draft that only its writer knows, synced, hashed as it lies on disk, and
renamed. Two who bring the same bytes at once rename two equal files to one name: whichever comes
last, the name always shows a whole one, and a reader that has the other mapped keeps it. A
rename over a file that has rotted mends it.
"""

import contextlib
import hashlib
import mmap
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings

NAME = re.compile(r"[0-9a-f]{64}\Z")
READ_ONLY = 0o440  # nobody writes to a blob, not even its owner
FOLDER = 0o750
LEFT_BEHIND = timedelta(hours=1)  # a draft grows or gets its name all the time; one this old has lost its writer

log = structlog.get_logger(__name__)


class BlobError(Exception):
    """What the store refuses.

    BlobError
    ├── BlobMissing  there is no blob of that name
    └── WrongBytes   the bytes have another hash than was announced
    """


class BlobMissing(BlobError, LookupError):
    """There is no blob of that name."""


class WrongBytes(BlobError):
    """The bytes have another hash than was announced.

    Attributes:
        sha256: the hash that they have.
    """

    def __init__(self, sha256: str) -> None:
        super().__init__(f"the bytes have the SHA-256 {sha256}")
        self.sha256 = sha256


class BlobStore:
    """Blobs below one folder; many processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._named = folder / "sha256"
        self._drafts = folder / "drafts"

    def path(self, sha256: str) -> Path:
        """Return where the blob of that name lies, or would lie.

        Raises:
            ValueError: this is not the name of any blob.
        """
        if not NAME.match(sha256):
            raise ValueError(f"{sha256!r} is not 64 lower-case hexadecimal digits")
        return self._named / sha256[:2] / sha256[2:4] / sha256

    def has(self, sha256: str) -> bool:
        """Say whether the blob is here."""
        return self.path(sha256).is_file()

    def size(self, sha256: str) -> int:
        """Return how many bytes a blob has.

        Raises:
            BlobMissing: it is not here.
        """
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error

    def open_mapped(self, sha256: str) -> mmap.mmap:
        """Return the bytes of a blob, mapped for reading: what is not looked at is not read.

        Raises:
            BlobMissing: it is not here.
            ValueError: it is empty; nothing maps an empty file.
        """
        try:
            with self.path(sha256).open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error

    def put_bytes(self, data: bytes) -> str:
        """Store bytes durably and return their name."""
        with self.draft() as draft:
            draft.write_bytes(data)
            return self.keep(draft)

    def put_file(self, path: Path, *, expected: str | None = None) -> str:
        """Store a copy of a file durably and return its name. The file itself stays where it is.

        A copy, because whoever can still write to the file could change a blob that shares its bytes.

        Args:
            expected: the name that it must get.

        Raises:
            WrongBytes: it would get another; nothing was stored.
        """
        with self.draft() as draft:
            shutil.copyfile(path, draft)
            return self.keep(draft, expected=expected)

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Yield the path of a new file that nobody else knows; unless it was kept, it is gone afterwards."""
        self._drafts.mkdir(FOLDER, parents=True, exist_ok=True)
        path = self._drafts / uuid.uuid4().hex
        path.touch(0o600, exist_ok=False)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, draft: Path, *, expected: str | None = None) -> str:
        """Give a finished draft its name, durably, and return it.

        Raises:
            WrongBytes: it is not the expected name; the draft stays a draft.
        """
        with draft.open("rb") as file:
            os.fchmod(file.fileno(), READ_ONLY)
            os.fsync(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if expected not in (None, sha256):
            raise WrongBytes(sha256)
        path = self.path(sha256)
        path.parent.mkdir(FOLDER, parents=True, exist_ok=True)
        draft.rename(path)
        for folder in (path.parent, path.parent.parent, self._named):  # the folders may be new, ours or another's
            sync_folder(folder)
        return sha256

    def tidy(self) -> int:
        """Remove the drafts that a crash left behind, and return how many."""
        oldest = time.time() - LEFT_BEHIND.total_seconds()
        removed = 0
        for path in self._drafts.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # its writer, or another who tidies, was faster
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    removed += 1
        return removed


def store() -> BlobStore:
    """Return the blobs of this installation."""
    return BlobStore(settings.MUSTER_DATA_DIR / "blobs")


def tidy() -> None:
    """Remove what crashes left behind; running twice changes nothing."""
    removed = store().tidy()
    if removed:
        log.info("blobs.tidied", drafts=removed)


def sync_folder(folder: Path) -> None:
    """Make new, renamed and removed files of `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
