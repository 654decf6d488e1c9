"""Finds the agent wheel that this server hands to devices."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from muster import __version__

FILENAME = re.compile(r"muster_agent-[A-Za-z0-9.!+_]+-py3-none-any\.whl")


@dataclass(frozen=True)
class AgentWheel:
    """A wheel on this server's disk and the address under which it is served."""

    filename: str
    sha256: str
    size_bytes: int
    url: str
    path: Path


def current() -> AgentWheel | None:
    """Return the wheel of this server's own version, or None while it is not built."""
    return named(f"muster_agent-{__version__}-py3-none-any.whl")


def named(filename: str) -> AgentWheel | None:
    """Return the wheel with exactly this file name, or None. Nothing that is not a wheel's name is looked up."""
    if not FILENAME.fullmatch(filename):
        return None
    path = Path(settings.MUSTER_DATA_DIR) / "agent" / filename
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    sha256 = _sha256(path, status.st_mtime_ns, status.st_size)
    return AgentWheel(filename, sha256, status.st_size, f"{settings.MUSTER_PUBLIC_URL}/agent/{filename}", path)


@lru_cache(maxsize=8)
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    """Hash a file once for each content it has had, as told by its time and size."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
