"""Shows whether the workers live: each queue's canary leaves a stamp when it runs.

A worker that lost its broker keeps its process and consumes nothing, so the age
of the stamp is the only sign that counts.
"""

from datetime import timedelta

from django.utils import timezone

from fleet.trust.models import Canary

QUEUES = ("control", "rollout", "aggregation")
SENT_EVERY = timedelta(seconds=10)
FRESH_FOR = timedelta(seconds=60)  # six canaries in a row did not arrive


def stamp(queue: str) -> None:
    """Note that a worker of `queue` runs now."""
    Canary.objects.update_or_create(queue=queue, defaults={"stamped_at": timezone.now()})
