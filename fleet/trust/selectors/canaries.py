"""Reads how long ago each queue's worker proved that it lives."""

from datetime import timedelta

from django.utils import timezone

from fleet.trust.core.canaries import FRESH_FOR, QUEUES
from fleet.trust.models import Canary


def ages() -> dict[str, timedelta]:
    """Return the age of the canary of every queue that ever had one."""
    now = timezone.now()
    return {canary.queue: now - canary.stamped_at for canary in Canary.objects.order_by("queue")}


def all_fresh() -> bool:
    """Say whether every queue has a worker that lives."""
    known = ages()
    return all(queue in known and known[queue] <= FRESH_FOR for queue in QUEUES)
