"""One supervisor for a data directory."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.supervisor.errors import AlreadyRunning


@contextmanager
def held(path: Path, address: str) -> Iterator[None]:
    """Hold the lock until the block ends or this process does; a file without a holder is no obstacle.

    Raises:
        AlreadyRunning: another supervisor holds it; the message says which.
    """
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(_holder(path)) from error
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "address": address}, file)
        file.flush()
        yield


def _holder(path: Path) -> str:
    way_out = "Stop it with Ctrl-C there, or set MUSTER_DATA_DIR to another folder."
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return f"{path.parent} is already up: process {fields['pid']}, {fields['address']}. {way_out}"
    except (ValueError, KeyError):  # it is just starting
        return f"{path.parent} is already being started. {way_out}"
