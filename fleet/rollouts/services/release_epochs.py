"""Raises the first half of every generation, so that nodes believe a server that was restored from a backup."""

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from fleet.registry.models import NodeReport
from fleet.rollouts.models import ReleaseEpoch
from fleet.trust.services import events
from fleet.trust.services.actors import Actor

FIRST = 1


def current() -> int:
    """Return the epoch of every generation that is made now; the first where none was ever raised."""
    return ReleaseEpoch.objects.values_list("epoch", flat=True).first() or FIRST


@transaction.atomic
def raise_epoch(*, actor: Actor) -> int:
    """Raise the release epoch past everything known, and return it; the reconciler issues every target anew.

    A restored database may not know the newest epoch, but nodes that have reported since say theirs.
    """
    row, _made = ReleaseEpoch.objects.select_for_update().get_or_create(pk=1)
    told = NodeReport.objects.aggregate(epoch=Max("release_epoch"))["epoch"] or 0
    before, row.epoch = row.epoch, max(row.epoch, told) + 1
    ReleaseEpoch.objects.filter(pk=row.pk).update(epoch=row.epoch, raised_at=Now())
    events.record(
        "release_epoch.raised",
        actor=actor,
        target_kind="release_epoch",
        target_id=None,
        target_label="release epoch",
        site=None,
        before={"epoch": before},
        after={"epoch": row.epoch},
    )
    return row.epoch
