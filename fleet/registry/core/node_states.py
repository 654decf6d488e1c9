"""The life of a node as a table of legal moves."""

from dataclasses import dataclass
from enum import StrEnum

from fleet.trust.core.roles import Verb


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


class Action(StrEnum):
    """What an operator can do to a node: the only ways along the table."""

    APPROVE = "approve"
    REFUSE = "refuse"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    RETIRE = "retire"


@dataclass(frozen=True)
class Step:
    """One action: from which states it leads where, how the audit trail calls it, and who may do it."""

    before: frozenset[NodeState]
    after: NodeState
    verb: str
    needs: Verb


STEPS: dict[Action, Step] = {
    Action.APPROVE: Step(frozenset({NodeState.PENDING}), NodeState.ACTIVE, "node.approved", Verb.OPERATE),
    Action.REFUSE: Step(frozenset({NodeState.PENDING}), NodeState.RETIRED, "node.refused", Verb.OPERATE),
    Action.QUARANTINE: Step(frozenset({NodeState.ACTIVE}), NodeState.QUARANTINED, "node.quarantined", Verb.OPERATE),
    Action.RELEASE: Step(frozenset({NodeState.QUARANTINED}), NodeState.ACTIVE, "node.released", Verb.OPERATE),
    Action.RETIRE: Step(
        frozenset({NodeState.ACTIVE, NodeState.QUARANTINED}), NodeState.RETIRED, "node.retired", Verb.ADMINISTER
    ),
}


def actions(state: NodeState) -> list[Action]:
    """Return what can be done to a node in `state`.

    >>> [str(action) for action in actions(NodeState.PENDING)]
    ['approve', 'refuse']
    """
    return [action for action, step in STEPS.items() if state in step.before]
