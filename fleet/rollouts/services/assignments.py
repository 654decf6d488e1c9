"""Gives nodes their part in a rollout, and takes it from those that no longer hold one."""

from django.db import connection

from fleet.rollouts.selectors.stale import HOLDERS, LEAVERS, Parts, parameters

# Under the tenant's lock every target of its nodes carries the current plans, so its generation is one that does.
JOIN_LATECOMERS = f"""
INSERT INTO rollouts_assignment (rollout_id, node_id, state, reason, since, release_epoch, counter)
SELECT p.rollout, n.key, %(pending)s, '', now(), t.release_epoch, t.counter
FROM {HOLDERS}
JOIN registry_nodetarget AS t ON t.node_id = n.key
ON CONFLICT (rollout_id, node_id) DO NOTHING
RETURNING rollout_id
"""  # noqa: S608  (built from the names above alone)
LET_GO = f"""
WITH leavers AS (SELECT a.id FROM {LEAVERS})
DELETE FROM rollouts_assignment WHERE id IN (SELECT id FROM leavers) RETURNING rollout_id
"""  # noqa: S608  (built from the names above alone)
# Before an assignment is touched: whoever moves assignments holds their rollout, and passes over one that is held.
HOLD = "SELECT FROM rollouts_rollout WHERE id = ANY(%(rollouts)s) ORDER BY id FOR NO KEY UPDATE"
REVISE = "UPDATE rollouts_rollout SET revision = revision + 1 WHERE id = ANY(%s)"


def assign(parts: Parts) -> None:
    """Give an assignment to every active node that holds a part, and take it from those that no longer do."""
    wanted = parameters(parts)
    with connection.cursor() as cursor:
        cursor.execute(HOLD, wanted)
        cursor.execute(JOIN_LATECOMERS, wanted)
        moved = {rollout for (rollout,) in cursor.fetchall()}
        cursor.execute(LET_GO, wanted)
        moved |= {rollout for (rollout,) in cursor.fetchall()}
        if moved:
            cursor.execute(REVISE, [list(moved)])
