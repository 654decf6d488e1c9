"""How much memory shards may take, before any is taken."""

from collections.abc import Collection

from agent.faults import LoadFailed
from agent.memory import Available
from muster.shards.memory import RUNTIME_BYTES
from muster.wire.targets import NodeTarget, Reason

# What a worker that runs already takes on top of the shards while it loads them.
WORKING_BYTES = 32 << 20


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
