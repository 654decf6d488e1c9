"""How much memory shards may take, before any is taken."""

from collections.abc import Callable, Collection
from pathlib import Path

import psutil

from agent.files import text_or_nothing
from agent.serving.errors import LoadFailed
from muster.shards.memory import RUNTIME_BYTES
from muster.wire.targets import NodeTarget, Reason

# What a worker that runs already takes on top of the shards while it loads them.
WORKING_BYTES = 32 << 20

_CGROUP = Path("/sys/fs/cgroup")

Available = Callable[[], int]


def available_bytes() -> int:
    """Return what the machine can give, or what a container's limit leaves, whichever is less."""
    limit, used = (text_or_nothing(_CGROUP / name).strip() for name in ("memory.max", "memory.current"))
    free = int(psutil.virtual_memory().available)
    return min(free, max(0, int(limit) - int(used))) if limit.isdigit() and used.isdigit() else free


def require(target: NodeTarget, loaded: Collection[str], *, runtime_loaded: bool, available: Available) -> None:
    """Raise LoadFailed unless the shards of `target` fit beside what serves.

    Args:
        loaded: artifacts that the worker holds already; they are shared.
        runtime_loaded: whether the worker runs.
    """
    sizes = {shard.artifact_sha256: shard.size_bytes for shard in target.shards}
    needed = sum(size for sha256, size in sizes.items() if sha256 not in loaded)
    needed += WORKING_BYTES if runtime_loaded else RUNTIME_BYTES
    free = available()
    if needed > free:
        raise LoadFailed(
            Reason.MEMORY_SHORT, f"{needed >> 20} MiB are needed beside what serves and {free >> 20} MiB are available"
        )
