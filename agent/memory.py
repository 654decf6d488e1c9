"""How much memory is free for what the agent starts."""

from collections.abc import Callable
from pathlib import Path

import psutil

from agent.files import text_or_nothing

_CGROUP = Path("/sys/fs/cgroup")

Available = Callable[[], int]


def available_bytes() -> int:
    """Return what the machine can give, or what a container's limit leaves, whichever is less."""
    limit, used = (text_or_nothing(_CGROUP / name).strip() for name in ("memory.max", "memory.current"))
    free = int(psutil.virtual_memory().available)
    return min(free, max(0, int(limit) - int(used))) if limit.isdigit() and used.isdigit() else free
