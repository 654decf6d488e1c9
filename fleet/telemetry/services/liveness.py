"""Records when nodes come online and go offline. Pages derive it from the lease; this writes the edge down."""

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from fleet.registry.models import Presence
from fleet.trust.services import events
from fleet.trust.services.actors import Actor

log = structlog.get_logger(__name__)

BATCH = 500  # nodes in one transaction: their rows are locked against the writer meanwhile
ACTOR = "liveness"

Liveness = Presence.Liveness

# Side of the edge → whose lease says that they belong there while the row says otherwise.
EDGES = {
    Liveness.ONLINE: Q(liveness=Liveness.OFFLINE, expires_at__gt=Now()),
    Liveness.OFFLINE: Q(liveness=Liveness.ONLINE) & (Q(expires_at__lte=Now()) | Q(expires_at=None)),
}


def reconcile() -> dict[str, int]:
    """Bring every node's recorded liveness to what its lease says and write an Event for each move.

    Anybody may run it at any time. Rows that another holds are passed over, the next run finds them.

    Returns:
        How many nodes moved to each side.
    """
    moved = {str(side): _move_all(side) for side in EDGES}
    if any(moved.values()):
        log.info("liveness.moved", **moved)
    return moved


def _move_all(side: Presence.Liveness) -> int:
    total = 0
    while True:
        found = _move(side)
        total += found
        if found < BATCH:
            return total


@transaction.atomic
def _move(side: Presence.Liveness) -> int:
    rows = list(
        Presence.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(EDGES[side])
        .select_related("node__site")
        .order_by("node_id")[:BATCH]
    )
    since = Now() if side == Liveness.ONLINE else F("expires_at")
    Presence.objects.filter(EDGES[side], pk__in=[row.pk for row in rows]).update(liveness=side, liveness_since=since)
    for row in rows:
        events.record(
            f"node.{side}",
            actor=Actor.system(ACTOR),
            target_kind="node",
            target_id=row.node.uid,
            target_label=row.node.name,
            site=row.node.site,
            before={"liveness": row.liveness},
            after={"liveness": str(side)},
        )
    return len(rows)
