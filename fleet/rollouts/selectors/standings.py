"""Reads how every assigned node stands, in one query: what its assignment says, and what its report proves.

Assignments that share every fact come as one row: a fleet of thousands in which all is well is a handful of them.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from fleet.rollouts.core.progress import Generation, Said
from muster.wire.targets import Reason, ReportState

FACTS = """
SELECT array_agg(a.id), max(r.changed_at),
    a.rollout_id, a.state, a.reason, a.release_epoch, a.counter, n.tier,
    COALESCE(p.expires_at > now(), false) AS online,
    r.release_epoch, r.counter, r.serving_release_epoch, r.serving_counter, r.state, r.reason,
    CASE WHEN r.shards @> '[{"state": "corrupt"}]'
        THEN jsonb_path_query_array(r.shards, '$[*] ? (@.state == "corrupt").key')::text ELSE '[]' END AS corrupt,
    live.keys, live.weights
FROM rollouts_assignment AS a
JOIN registry_node AS n ON n.key = a.node_id
LEFT JOIN registry_presence AS p ON p.node_id = n.key
LEFT JOIN registry_nodereport AS r ON r.node_id = n.key
LEFT JOIN (
    SELECT node_id, array_agg(shard ORDER BY shard) AS keys, array_agg(weights_sha256 ORDER BY shard) AS weights
    FROM registry_runningshard GROUP BY node_id
) AS live ON live.node_id = n.key
WHERE a.rollout_id = ANY(%s)
GROUP BY a.rollout_id, a.state, a.reason, a.release_epoch, a.counter, n.tier, online, r.release_epoch, r.counter,
    r.serving_release_epoch, r.serving_counter, r.state, r.reason, corrupt, live.keys, live.weights
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides the state of some assignments of one rollout.

    Attributes:
        ids: of the assignments that share all of it.
        changed_at: when one of their nodes' reports last said something else.
        generation: of the first target that carried the plan to the node.
        running: key → weights_sha256 of the shards in the node's process.
    """

    ids: list[int]
    changed_at: datetime | None
    rollout: uuid.UUID
    state: str
    reason: str
    generation: Generation
    tier: str
    online: bool
    said: Said | None
    running: dict[int, str]


def facts(rollouts: Sequence[uuid.UUID]) -> list[Facts]:
    """Return the facts of all assignments of these rollouts."""
    with connection.cursor() as cursor:
        cursor.execute(FACTS, [list(rollouts)])
        return [_facts(row) for row in cursor.fetchall()]


def _facts(row: Any) -> Facts:
    ids, changed_at, rollout, state, reason, release_epoch, counter, tier, online, *report, keys, weights = row
    return Facts(
        ids=ids,
        changed_at=changed_at,
        rollout=rollout,
        state=state,
        reason=reason,
        generation=(release_epoch, counter),
        tier=tier,
        online=online,
        said=_said(*report),
        running=dict(zip(keys or (), weights or (), strict=True)),
    )


def _said(
    release_epoch: int | None,
    counter: int | None,
    serving_release_epoch: int | None,
    serving_counter: int | None,
    state: str | None,
    reason: str,
    corrupt: str,
) -> Said | None:
    if state is None:
        return None
    return Said(
        accepted=_generation(release_epoch, counter),
        serving=_generation(serving_release_epoch, serving_counter),
        state=ReportState(state),
        reason=Reason(reason),
        corrupt=frozenset(json.loads(corrupt)) if corrupt != "[]" else frozenset(),
    )


def _generation(release_epoch: int | None, counter: int | None) -> Generation | None:
    return None if release_epoch is None or counter is None else (release_epoch, counter)
