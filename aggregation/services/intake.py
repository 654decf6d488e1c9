"""Takes what came from the members of an open phase: updates that are here in full, and what they say of themselves.

The gateway has stored both before it answered; here they begin to count. The caller holds the job's row.
"""

from typing import Any

from django.db import connection
from django.db.models.functions import Now

from aggregation.core.lifecycle import MemberState
from aggregation.models import Member, Phase, Update
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Submission
from muster.wire.work import WorkState

COMING = [MemberState.INVITED.value, MemberState.TRAINING.value]
MILLION = 1_000_000

# The first complete attempt of each member that has not answered yet; every other one is nobody's.
COMPLETE = """
SELECT DISTINCT ON (s.node_id) s.id FROM registry_submission AS s
JOIN aggregation_member AS m ON m.round_id = %(round)s AND m.node_id = s.node_id AND m.state = ANY(%(coming)s)
WHERE s.task = %(phase)s AND s.state = 'complete'
ORDER BY s.node_id, s.completed_at, s.attempt
"""
AT_WORK = """
UPDATE aggregation_member AS m SET state = %(training)s, since = now()
FROM registry_workprogress AS p
WHERE m.round_id = %(round)s AND m.state = %(invited)s AND p.task = %(phase)s AND p.node_id = m.node_id
    AND p.state = ANY(%(states)s)
"""
GIVEN_UP = """
UPDATE aggregation_member AS m SET state = %(dropped)s, reason = p.reason, detail = p.detail, since = now()
FROM registry_workprogress AS p
WHERE m.round_id = %(round)s AND m.state = ANY(%(coming)s) AND p.task = %(phase)s AND p.node_id = m.node_id
    AND p.state = %(failed)s
"""
GONE = """
UPDATE aggregation_member AS m SET state = %(dropped)s, detail = %(detail)s, since = now()
FROM registry_node AS n
WHERE m.round_id = %(round)s AND m.state = ANY(%(coming)s) AND n.key = m.node_id AND n.state <> %(active)s
"""
# What came after its phase had closed, while the node had not heard of that yet.
LATE = """
UPDATE aggregation_member AS m SET state = %(late)s, detail = '', reason = '', since = now()
FROM aggregation_phase AS p, aggregation_round AS r, registry_submission AS s
WHERE m.state = %(dropped)s AND r.id = m.round_id AND p.round_id = r.id AND p.state = 'closed'
    AND s.task = p.id AND s.node_id = m.node_id AND s.state = 'complete'
    AND r.id = ANY(%(rounds)s)
RETURNING r.job_id
"""


def take(phase: Phase) -> int:
    """Take all that came since the last look, and return how many members moved."""
    moved = _received(phase)
    moved += _execute(AT_WORK, phase, training=MemberState.TRAINING.value, invited=MemberState.INVITED.value,
                      states=[WorkState.TRAINING.value, WorkState.UPLOADING.value, WorkState.DONE.value])  # fmt: skip
    moved += _execute(GIVEN_UP, phase, dropped=MemberState.DROPPED.value, failed=WorkState.FAILED.value)
    return moved + _execute(
        GONE, phase, dropped=MemberState.DROPPED.value, detail="not active any more", active=NodeState.ACTIVE.value
    )


def late(rounds: list[Any]) -> set[Any]:
    """Note the members of these rounds whose update came too late, and return the jobs that it concerns."""
    if not rounds:
        return set()
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "late": MemberState.LATE.value,
            "dropped": MemberState.DROPPED.value,
            "rounds": rounds,
        }
        cursor.execute(LATE, parameters)
        return {job for (job,) in cursor.fetchall()}


def _received(phase: Phase) -> int:
    with connection.cursor() as cursor:
        cursor.execute(COMPLETE, _parameters(phase))
        ids = [found for (found,) in cursor.fetchall()]
    if not ids:
        return 0
    submissions = Submission.objects.filter(pk__in=ids).order_by("node")
    Update.objects.bulk_create([_update(phase, submission) for submission in submissions], ignore_conflicts=True)
    members = Member.objects.filter(round=phase.round_id, node__in=submissions.values("node"), state__in=COMING)
    return members.update(state=MemberState.RECEIVED, reason="", detail="", since=Now())


def _update(phase: Phase, submission: Submission) -> Update:
    said = submission.statement
    return Update(
        phase=phase,
        node_id=submission.node_id,
        attempt=submission.attempt,
        kind=submission.kind,
        sha256=submission.sha256,
        size_bytes=submission.size_bytes,
        samples=said["samples"],
        loss_before=_loss(said["loss_before_millionths"]),
        loss_after=_loss(said["loss_after_millionths"]),
        trained_ms=said["trained_ms"],
        received_at=submission.completed_at or Now(),
    )


def _loss(millionths: int | None) -> float | None:
    return None if millionths is None else millionths / MILLION


def _execute(statement: str, phase: Phase, **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, _parameters(phase) | parameters)
        return cursor.rowcount


def _parameters(phase: Phase) -> dict[str, Any]:
    return {"round": phase.round_id, "phase": phase.pk, "coming": COMING}
