"""What a start needs of the machine, checked before anything is started."""

import os
import shutil
import socket
from collections.abc import Callable
from importlib import util
from pathlib import Path

from config.supervisor.errors import CheckFailed
from config.supervisor.options import Options

# PostgreSQL's first cluster takes 70 MB, seven devices write 15 MB an hour; below this a disk is as good as full.
LEAST_FREE_BYTES = 1 << 30
MEGABYTE = 1 << 20
NEEDED_PACKAGES = ("django", "channels", "celery", "uvicorn", "psycopg", "redis", "msgspec", "polib", "hatchling")


def free_bytes(folder: Path) -> int:
    """Return how much an ordinary user may still write to the disk of a folder."""
    return shutil.disk_usage(folder).free


def packages() -> None:
    """Refuse to start without the requirements.

    Raises:
        CheckFailed: some are not installed.
    """
    missing = [name for name in NEEDED_PACKAGES if util.find_spec(name) is None]
    if missing:
        raise CheckFailed(f"Not installed: {', '.join(missing)}. Run `make install`, or start with `make up`.")


def folder(data_dir: Path) -> None:
    """Make the data directory.

    Raises:
        CheckFailed: it cannot be made or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        writable = os.access(data_dir, os.W_OK | os.X_OK)
    except OSError as error:
        raise CheckFailed(f"{data_dir} cannot be made: {error.strerror}. Set MUSTER_DATA_DIR.") from error
    if not writable:
        raise CheckFailed(f"{data_dir} cannot be written. Make it yours, or set MUSTER_DATA_DIR.")


def disk(data_dir: Path, free: Callable[[Path], int] = free_bytes) -> None:
    """Refuse to start on a disk that is as good as full.

    Raises:
        CheckFailed: fewer than LEAST_FREE_BYTES are free.
    """
    left = free(data_dir)
    if left < LEAST_FREE_BYTES:
        raise CheckFailed(
            f"The disk of {data_dir} has {left // MEGABYTE} MiB free, {LEAST_FREE_BYTES // MEGABYTE} are needed. "
            "Free some, or set MUSTER_DATA_DIR to a folder on another disk."
        )


def ports(options: Options) -> None:
    """Refuse to start when somebody else listens where web and gateway will.

    Raises:
        CheckFailed: a port is taken, or the address is not this machine's.
    """
    for name, port in (("the pages", options.port), ("the gateway", options.gateway_port)):
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((options.host, port))
            except OSError as error:
                raise CheckFailed(
                    f"Port {port} of {options.host}, for {name}, cannot be had: {error.strerror}. "
                    "Choose another with `manage.py up --port N`; the gateway takes the next one."
                ) from error
