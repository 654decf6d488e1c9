"""The children's logs: a file each, cut when it grows large."""

import asyncio
import shutil
from pathlib import Path
from typing import IO

LIMIT_BYTES = 10 << 20  # a day of a chatty child; one older file of this size is kept
INTERVAL_S = 5


def open_log(folder: Path, name: str) -> IO[bytes]:
    """Open a child's log at its end, made if need be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return (folder / f"{name}.log").open("ab")


def cut(folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Copy every log above the limit to `<name>.log.1` and empty it; its writer appends and goes on."""
    for path in folder.glob("*.log"):
        if path.stat().st_size > limit_bytes:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            with path.open("r+b") as file:
                file.truncate()


async def keep_cut(folder: Path) -> None:
    """Cut the logs now and then, for as long as the supervisor runs."""
    while True:
        await asyncio.sleep(INTERVAL_S)
        cut(folder)
