"""Frames that the server cannot store, kept beside the spool for whoever wants to know why."""

import contextlib
from pathlib import Path

from agent.files import write_atomically
from agent.spool.cursor import SpooledFrame

KEPT = 16  # the newest; each is at most one message of the wire, 1 MiB


def folder_in(spool: Path) -> Path:
    """Return the folder they are kept in."""
    return spool / "refused"


def keep(spool: Path, frame: SpooledFrame) -> None:
    """Write the body of a frame to a file of its own; a disk that takes nothing costs only this copy."""
    folder = folder_in(spool)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        write_atomically(folder / f"{frame.boot}.{frame.seq:012d}", frame.body, durable=False)
        for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)[:-KEPT]:
            old.unlink()
