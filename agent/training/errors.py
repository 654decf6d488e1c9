"""What can go wrong with a task; each knows the WorkReason that is told.

TaskFailed
├── OtherAttempt    the server knows this attempt with another update, or with broken bytes: the next one is due
└── UpdateDamaged   the stored update has other bytes than its record says; it is gone
"""

from agent.faults import Fault
from muster.wire.targets import Reason
from muster.wire.work import WorkReason

_OF_FAULTS = {
    Reason.DISK_FULL: WorkReason.DISK_FULL,
    Reason.MEMORY_SHORT: WorkReason.MEMORY_SHORT,
    Reason.RUNTIME_MISSING: WorkReason.RUNTIME_MISSING,
    Reason.WORKLOAD_MISSING: WorkReason.WORKLOAD_MISSING,
    Reason.WORKLOAD_VERSION: WorkReason.WORKLOAD_VERSION,
    Reason.WORKER_DIED: WorkReason.WORKER_DIED,
}


class TaskFailed(Exception):
    """Base of all: a reason for programs, a text for people."""

    def __init__(self, reason: WorkReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class OtherAttempt(TaskFailed):
    """The update is announced again as the next attempt."""


class UpdateDamaged(TaskFailed):
    """The task is trained again."""


def of_fault(fault: Fault) -> TaskFailed:
    """Return what a fault of files or workloads means for a task; a file that does not come whole is not reached."""
    return TaskFailed(_OF_FAULTS.get(fault.reason, WorkReason.UNREACHABLE), fault.detail)
