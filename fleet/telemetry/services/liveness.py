"""Records when nodes come online and go offline. Pages derive it from the lease; this writes the edge down."""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from fleet.registry.models import Presence
from fleet.telemetry.services.watch import PULSE, STAND_IN, Watcher
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


# A pulse that has not looked for this long is gone; a shorter silence may be an outage that it shares.
PULSE_GONE_AFTER = timedelta(seconds=60)


def watch(watcher: Watcher) -> dict[str, int]:
    """Note who came, and who went where this watcher can tell; constant work while nobody did."""
    return reconcile(departures=watcher.sees_departures())


def stand_in() -> None:
    """Watch for a pulse that is gone."""
    if not PULSE.looked(PULSE_GONE_AFTER):
        watch(STAND_IN)


def reconcile(*, departures: bool = True) -> dict[str, int]:
    """Bring every node's recorded liveness to what its lease says and write an Event for each move.

    Anybody may run it at any time. Rows that another holds are passed over, the next run finds them.

    Args:
        departures: whether an ended lease is believed, see `watch`.

    Returns:
        How many nodes moved to each side.
    """
    sides = EDGES if departures else [Liveness.ONLINE]
    moved = {str(side): _move_all(side) for side in sides}
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
