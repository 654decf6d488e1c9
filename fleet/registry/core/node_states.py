"""The life of a node as a table of legal moves."""

from enum import StrEnum


class NodeState(StrEnum):
    PENDING = "pending"  # enrolled, waits for an operator
    ACTIVE = "active"
    QUARANTINED = "quarantined"  # known, but cut off until an operator decides
    RETIRED = "retired"  # final; its key never enrols again


MOVES: dict[NodeState, frozenset[NodeState]] = {
    NodeState.PENDING: frozenset({NodeState.ACTIVE, NodeState.RETIRED}),
    NodeState.ACTIVE: frozenset({NodeState.QUARANTINED, NodeState.RETIRED}),
    NodeState.QUARANTINED: frozenset({NodeState.ACTIVE, NodeState.RETIRED}),
    NodeState.RETIRED: frozenset(),
}


def sources(target: NodeState) -> list[NodeState]:
    """Return the states from which a node may move to `target`."""
    return [state for state, targets in MOVES.items() if target in targets]
