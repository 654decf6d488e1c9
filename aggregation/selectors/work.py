"""Finds, in one query for the whole fleet, which nodes' work is not what it should be."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection

from aggregation.core.lifecycle import MemberState, PhaseState, RoundState
from fleet.registry.core.node_states import NodeState
from muster.wire.work import MAX_TASKS

# Only nodes that shall train something, and those that still have something to train, are looked at.
STALE = """
WITH wanted AS (
    SELECT m.node_id, (array_agg(p.id ORDER BY p.id))[1:%(most)s] AS tasks
    FROM aggregation_member AS m
    JOIN aggregation_round AS r ON r.id = m.round_id AND r.state = %(round)s
    JOIN aggregation_phase AS p ON p.round_id = r.id AND p.state = %(phase)s
    JOIN registry_node AS n ON n.key = m.node_id AND n.state = %(active)s
    WHERE m.state = ANY(%(members)s)
    GROUP BY m.node_id
), has AS (
    SELECT node_id, tasks FROM registry_nodework WHERE tasks <> '{}'
)
SELECT n.key, n.uid, COALESCE(wanted.tasks, '{}'::uuid[]), COALESCE(w.counter, 0)
FROM wanted
FULL JOIN has ON has.node_id = wanted.node_id
JOIN registry_node AS n ON n.key = COALESCE(wanted.node_id, has.node_id)
LEFT JOIN registry_nodework AS w ON w.node_id = n.key
WHERE wanted.tasks IS DISTINCT FROM has.tasks
ORDER BY n.key
"""
# A task stays with a member whose update is here, so that its last question is still answered, until the phase closes.
AT_WORK = [MemberState.INVITED.value, MemberState.TRAINING.value, MemberState.RECEIVED.value]


@dataclass(frozen=True, slots=True)
class StaleWork:
    """A node whose work is not what it should be.

    Attributes:
        key, uid: of the node.
        tasks: what it shall train, in order; none where it is to stop.
        counter: of the work that it has; 0 where it never had any.
    """

    key: int
    uid: uuid.UUID
    tasks: list[uuid.UUID]
    counter: int


def stale() -> list[StaleWork]:
    """Return the nodes whose work is not what the open phases ask of them."""
    parameters: dict[str, Any] = {
        "most": MAX_TASKS,
        "round": RoundState.OPEN.value,
        "phase": PhaseState.OPEN.value,
        "active": NodeState.ACTIVE.value,
        "members": AT_WORK,
    }
    with connection.cursor() as cursor:
        cursor.execute(STALE, parameters)
        return [StaleWork(*row) for row in cursor.fetchall()]
