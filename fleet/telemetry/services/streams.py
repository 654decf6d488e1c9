"""Drops the streams of finished boots."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from fleet.telemetry.models import Stream

# A frame's clock may run ahead by a minute, and a device that lost power may find a file again that it had removed.
MARGIN = timedelta(hours=1)


def prune() -> int:
    """Delete streams that no connection named for longer than readings are kept; return how many.

    Should a device come back with frames of such a boot after all, its stream is opened
    anew: the readings in them are older than those that are kept, so they are refused and
    acknowledged, and none is stored twice.
    """
    kept = timedelta(hours=settings.MUSTER_RAW_HOURS) + MARGIN
    deleted, _ = Stream.objects.filter(left_out_at__lt=timezone.now() - kept).delete()
    return deleted
