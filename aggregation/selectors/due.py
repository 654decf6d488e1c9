"""Finds what the reconciler has to look at."""

import uuid
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from aggregation.core.lifecycle import OVER, JobState, RoundState
from aggregation.models import Round, TrainingJob

# An update that is still on its way when its round closes is there within moments, or refused by the gateway.
LATELY = timedelta(hours=1)


def jobs() -> list[uuid.UUID]:
    """Return the jobs that are not over, or whose best version is still to be pushed, the oldest first."""
    computing = Exists(Round.objects.filter(job=OuterRef("pk")).exclude(state__in=OVER))
    to_push = Q(
        state__in=[JobState.DONE, JobState.STOPPED],
        config__push=True,
        best_version__isnull=False,
        rollout=None,
        push_failure="",
    )
    found = TrainingJob.objects.filter(Q(state=JobState.RUNNING) | to_push | computing)
    return list(found.order_by("created_at", "pk").values_list("pk", flat=True))


def lately_closed() -> list[uuid.UUID]:
    """Return the rounds that ended their collection lately."""
    since = timezone.now() - LATELY
    found = Round.objects.filter(Q(closed_at__gt=since) | Q(state=RoundState.FAILED, finished_at__gt=since))
    return list(found.values_list("pk", flat=True))
