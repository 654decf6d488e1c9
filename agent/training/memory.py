"""How much memory training may take, before any is taken."""

from agent.memory import Available
from agent.training.errors import TaskFailed
from muster.shards.memory import RUNTIME_BYTES
from muster.wire.work import TrainingTask, WorkReason

# Every weight: as the file has it, and as the module computes with it.
COPIES = 2
# On top for each trained one: gradient, momentum and difference.
TRAINED_COPIES = 3


def require(task: TrainingTask, available: Available) -> None:
    """Raise TaskFailed unless training a task fits beside what runs; its samples are not counted."""
    held = sum(shard.size_bytes for shard in task.shards)
    trained = sum(shard.size_bytes for shard in task.shards if shard.component in task.trained)
    needed, free = RUNTIME_BYTES + COPIES * held + TRAINED_COPIES * trained, available()
    if needed > free:
        raise TaskFailed(WorkReason.MEMORY_SHORT, f"{needed >> 20} MiB are needed and {free >> 20} MiB are available")
