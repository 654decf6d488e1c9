"""Shows whether the workers live: each queue's canary leaves a stamp when it runs.

A worker that lost its broker keeps its process and consumes nothing, so the age
of the stamp is the only sign that counts.
"""

from django.utils import timezone

from fleet.trust.models import Canary


def stamp(queue: str) -> None:
    """Note that a worker of `queue` runs now."""
    Canary.objects.update_or_create(queue=queue, defaults={"stamped_at": timezone.now()})
