"""Publishes what a round has made, and pushes the best version of a job that is over."""

import math
from collections.abc import Mapping
from typing import Any

import structlog
from django.db import transaction
from django.db.models.functions import Now

from aggregation.core.failures import NotPushed, said
from aggregation.core.lifecycle import JobState, RoundState
from aggregation.models import Contribution, Round, TrainingJob
from aggregation.services import leases, rounds, trail, weights
from aggregation.services.failpoints import reach
from aggregation.services.leases import Lease
from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion
from fleet.registry.services import cutting, versions
from fleet.registry.services.cutting import Pieces
from fleet.rollouts.models import Rollout
from fleet.rollouts.selectors import placements
from fleet.rollouts.services import plans, pushes
from fleet.trust.services.errors import DomainError
from muster.workloads.declaration import Source, Workload

ALL = "all"  # metrics with all evidence, see muster.training.evaluate
BEST_BY = "accuracy"
MILLION = 1_000_000
OVER_WELL = (JobState.DONE, JobState.STOPPED)

log = structlog.get_logger(__name__)

Metrics = dict[str, dict[str, int | None]]  # "all" or a modality → name → millionths; None where it is no number


class NotPublishable(Exception):
    """What was aggregated is no model: trying again would not help."""


def publish(lease: Lease, workload: Workload) -> None:
    """Cut and evaluate a round's result, and publish it as the next version of the model.

    Raises:
        NotPublishable: the result is refused like any other file would be.
        LeaseLost: another has the round now.
    """
    round = Round.objects.select_related("job__model__site", "job__base_version", "base_version").get(pk=lease.round_id)
    drawn = ModelVersion(model=round.job.model, origin=Origin.TRAINED, source_sha256=round.result_sha256)
    try:
        pieces = cutting.cut(drawn)
    except cutting.Refused as refusal:
        raise NotPublishable(f"{refusal.code}: {refusal}") from refusal
    metrics = evaluate(workload, pieces)
    _measure_base(round.job, workload)
    reach("before_publish")
    _publish(lease, pieces, metrics)


def _measure_base(job: TrainingJob, workload: Workload) -> None:
    """Keep with a job how well it began, so that every result has something to be compared with; once is enough."""
    if job.base_metrics:
        return
    base = job.base_version
    metrics = base.metrics if ALL in base.metrics else None
    if metrics is None:
        rows = weights.references(base)
        metrics = measure(workload, {row.component.name: (row.variant, row.artifact_sha256) for row in rows})
    TrainingJob.objects.filter(pk=job.pk, base_metrics={}).update(base_metrics=metrics)


def evaluate(workload: Workload, pieces: Pieces) -> Metrics:
    """Return how well cut weights answer on the workload's held-out data."""
    artifacts = {
        piece.component: (piece.variant, piece.artifact_sha256) for piece in pieces.pieces if piece.is_reference
    }
    return measure(workload, artifacts)


def measure(workload: Workload, artifacts: Mapping[str, tuple[str, str]]) -> Metrics:
    """Return how well components answer together on the workload's held-out data; see `weights.states`."""
    from muster.training import evaluate as evaluation

    held_out = workload.data(Source(seed=0, held_out=True))
    found = evaluation.evaluate(workload, weights.states(workload, artifacts), held_out)
    return {
        kind: {name: round(value * MILLION) if math.isfinite(value) else None for name, value in values.items()}
        for kind, values in found.items()
    }


@transaction.atomic
def _publish(lease: Lease, pieces: Pieces, metrics: Metrics) -> None:
    """Make the version, the contributions and the end of the round appear at once."""
    held = leases.hold(lease)
    version = versions.create_published(
        actor=trail.LEARNING,
        parent=held.base_version,
        source_sha256=held.result_sha256,
        pieces=pieces,
        metrics=metrics,
        note=f"Round {held.number} of job {str(held.job_id)[-6:]}",
    )
    updates = weights.accepted(held)
    Contribution.objects.bulk_create(
        Contribution(round=held, node=update.node, update=update, version=version, samples=update.samples)
        for update in updates
    )
    values: dict[str, Any] = {"result_version": version, "metrics": metrics, "finished_at": Now(), "leased_until": None}
    moved = rounds.move(held, RoundState.EVALUATING, RoundState.PUBLISHED, epoch=lease.epoch, failure="", **values)
    assert moved  # the row is ours until the commit
    TrainingJob.objects.filter(pk=held.job_id).update(best_version=best(held.job))
    after = {"version": version.number, "contributions": len(updates), "accuracy": accuracy(metrics)}
    trail.of_round("round.published", held, before={"state": RoundState.EVALUATING.value}, after=after)


def best(job: TrainingJob) -> ModelVersion | None:
    """Return the version that answered best; of equals, the earliest."""
    published = job.rounds.filter(state=RoundState.PUBLISHED).order_by("number").select_related("result_version")
    ranked = [(accuracy(round.metrics), -round.number, round.result_version) for round in published]
    return max(ranked, key=lambda found: found[:2])[2] if ranked else None


def accuracy(metrics: Mapping[str, Mapping[str, int | None]]) -> int:
    """Return the accuracy with all evidence in millionths; −1 where there is none."""
    found = metrics.get(ALL, {}).get(BEST_BY)
    return -1 if found is None else found


def due(job: TrainingJob) -> bool:
    """Say whether the job's best version is still to be pushed."""
    wished = job.state in OVER_WELL and job.config.get("push") and job.best_version_id is not None
    return bool(wished) and job.rollout_id is None and not job.push_failure


def push(job: TrainingJob) -> bool:
    """Push the best version of a job that is over, to where the model runs now; say whether it went out.

    The caller holds the job's row. Plan, push and the note of it commit at once, so it happens once. What
    stands against it is kept with the job: a person may push by hand when it is mended.
    """
    rollout, failure = None, _no_better(job)
    if not failure:
        try:
            with transaction.atomic():
                rollout = _pushed(job)
            failure = "" if rollout else said(NotPushed.NO_PLAN)
        except DomainError as error:
            failure = said(NotPushed.REFUSED, str(error))
    if rollout is None:
        log.info("job.not_pushed", job=str(job.pk), reason=failure)
    TrainingJob.objects.filter(pk=job.pk).update(rollout=rollout, push_failure=trail.cut(failure))
    trail.touch(job)
    return rollout is not None


def _no_better(job: TrainingJob) -> str:
    """Say, where it is so, that training has not improved the model."""
    reached = max(accuracy(round.metrics) for round in job.rounds.filter(state=RoundState.PUBLISHED))
    began = accuracy(job.base_metrics)
    if reached > began:
        return ""
    return said(NotPushed.NO_BETTER)


def _pushed(job: TrainingJob) -> Rollout | None:
    """Push the best version with the placement of the active plan; None where there is no plan."""
    current = placements.current(job.model)
    if current is None or job.best_version is None:
        return None
    mapping = {name: seat.tier for name, seat in placements.seats_of(current.plan).items()}
    plan, _created = plans.create(
        actor=trail.LEARNING,
        models=Model.objects.filter(pk=job.model_id),
        mapping=mapping,
        model=str(job.model_id),
        version=job.best_version.number,
    )
    return pushes.push(actor=trail.LEARNING, plan=plan, reason=f"best version of training job {job}")
