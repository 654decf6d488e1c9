"""The lives of a rollout and of its assignments, as data."""

from enum import StrEnum


class RolloutState(StrEnum):
    RUNNING = "running"
    DONE = "done"  # every assigned node proved that it runs the plan
    SUPERSEDED = "superseded"  # a later push of the same model took over


class AssignmentState(StrEnum):
    """How far one node has come with one rollout."""

    PENDING = "pending"  # its target is issued, the node has not said that it took it
    DOWNLOADING = "downloading"
    STAGED = "staged"
    PROBED = "probed"
    ACTIVE = "active"  # proved: the hashes of its live tensors are the plan's
    FAILED = "failed"  # with a reason; the node tries again, what served before still does
    DEFERRED = "deferred"  # not connected; catches up
    SUPERSEDED = "superseded"


ROLLOUT_MOVES: dict[RolloutState, frozenset[RolloutState]] = {
    RolloutState.RUNNING: frozenset({RolloutState.DONE, RolloutState.SUPERSEDED}),
    # A node that joins later, or loses what it ran, opens it again.
    RolloutState.DONE: frozenset({RolloutState.RUNNING, RolloutState.SUPERSEDED}),
    RolloutState.SUPERSEDED: frozenset(),
}

_OPEN = frozenset(AssignmentState) - {AssignmentState.SUPERSEDED}
# A report says where a node is, not how it came there: every open state may follow every other.
ASSIGNMENT_MOVES: dict[AssignmentState, frozenset[AssignmentState]] = {
    **{state: frozenset(AssignmentState) - {state} for state in _OPEN},
    AssignmentState.SUPERSEDED: frozenset(),
}
