"""Notes how far nodes say they have come with their tasks; shown on pages; only that a node gives up counts."""

import uuid

from django.db import connection

from muster.wire.messages import Progress

# Only what the node's current work names, and only what says something new.
NOTE = """
INSERT INTO registry_workprogress AS p (node_id, task, state, reason, detail, done, total, at)
SELECT w.node_id, u.task, u.state, u.reason, u.detail, u.done, u.total, now()
FROM registry_nodework AS w, unnest(%(tasks)s::uuid[], %(states)s::varchar[], %(reasons)s::varchar[],
    %(details)s::varchar[], %(done)s::bigint[], %(total)s::bigint[]) AS u (task, state, reason, detail, done, total)
WHERE w.node_id = %(node)s AND u.task = ANY(w.tasks)
ORDER BY u.task
ON CONFLICT (task, node_id) DO UPDATE SET state = EXCLUDED.state, reason = EXCLUDED.reason,
    detail = EXCLUDED.detail, done = EXCLUDED.done, total = EXCLUDED.total, at = EXCLUDED.at
WHERE (p.state, p.reason, p.detail, p.done, p.total)
    IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.reason, EXCLUDED.detail, EXCLUDED.done, EXCLUDED.total)
"""


def progress(*, node_key: int, message: Progress) -> bool:
    """Store what a node says of its tasks; of a task named twice the last word counts.

    Returns:
        Whether anything of it was new.
    """
    tasks = {uuid.UUID(task.task): task for task in message.tasks}
    if not tasks:
        return False
    said = tasks.values()
    with connection.cursor() as cursor:
        cursor.execute(
            NOTE,
            {
                "node": node_key,
                "tasks": list(tasks),
                "states": [task.state.value for task in said],
                "reasons": [task.reason.value for task in said],
                "details": [task.detail.replace("\0", "") for task in said],  # PostgreSQL refuses a NUL in any text
                "done": [task.done for task in said],
                "total": [task.total for task in said],
            },
        )
        return cursor.rowcount > 0
