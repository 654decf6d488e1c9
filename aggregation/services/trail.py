"""Writes the events of jobs and rounds, within the transaction of their moves."""

from typing import Any

from django.db.models import F

from aggregation.models import Round, TrainingJob
from fleet.trust.services import events
from fleet.trust.services.actors import Actor

LEARNING = Actor.system("learning")
FAILURE_LENGTH = Round._meta.get_field("failure").max_length


def of_job(
    verb: str,
    job: TrainingJob,
    *,
    actor: Actor = LEARNING,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
    reason: str = "",
) -> None:
    """Record what became of a job."""
    events.record(
        verb,
        actor=actor,
        target_kind="job",
        target_id=job.pk,
        target_label=str(job),
        site=job.model.site,
        before=before,
        after=after,
        reason=reason,
    )


def of_round(
    verb: str,
    round: Round,
    *,
    actor: Actor = LEARNING,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
    reason: str = "",
) -> None:
    """Record what became of a round."""
    events.record(
        verb,
        actor=actor,
        target_kind="round",
        target_id=round.pk,
        target_label=str(round),
        site=round.job.model.site,
        before=before,
        after=after,
        reason=reason,
    )


def touch(job: TrainingJob) -> None:
    """Say that the job's pages would show something else now."""
    TrainingJob.objects.filter(pk=job.pk).update(revision=F("revision") + 1)


def cut(text: str) -> str:
    """Return what a column holds of a failure, which may carry texts out of strangers' files."""
    return text.replace("\0", "�")[:FAILURE_LENGTH]
