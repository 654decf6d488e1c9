"""Files that are either the old ones or the new ones, never a part."""

import os
from pathlib import Path

OWNER_ONLY = 0o600


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `data`, readable by its owner alone.

    A temporary file in the same folder is written and renamed over the old one. With
    `durable` the file and its folder are synced too, so that a power cut leaves one of the
    two versions; without, that holds for the end of the process only.

    Raises:
        OSError: nothing was replaced.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        _write(temporary, data, durable)
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames, new and removed files of `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def text_or_nothing(path: Path) -> str:
    """Return the text of a small file of the kernel, nothing where it is missing or not ours to read."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _write(path: Path, data: bytes, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), OWNER_ONLY)  # a leftover may have other rights
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
