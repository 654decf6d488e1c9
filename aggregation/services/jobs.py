"""Starts, stops and ends training jobs by `core/lifecycle.py`. Whoever moves a job or its rounds holds its row."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from aggregation.core import config as configs
from aggregation.core import strategies
from aggregation.core.config import ConfigRefused, JobConfig
from aggregation.core.failures import Failure, said
from aggregation.core.lifecycle import JOB_MOVES, JobState, RoundState
from aggregation.models import TrainingJob
from aggregation.services import rounds, trail
from aggregation.services.refusals import JobOver, JobRunning, NothingToTrain, WorkloadUnfit, refused
from fleet.registry.core.version_states import VersionState
from fleet.registry.models import Model, ModelVersion
from fleet.trust.models import Site
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import refuse
from muster.wire.work import JobKind
from muster.workloads import catalogue

# A fleet that cannot finish three rounds in a row will not finish the fourth; somebody should look.
MOST_FAILED_IN_A_ROW = 3


@transaction.atomic
def create(
    *,
    actor: Actor,
    model: Model,
    config: Mapping[str, Any] | JobConfig,
    site: Site | None = None,
    base_version: ModelVersion | None = None,
    strategy: str = "fedavg",
) -> TrainingJob:
    """Start a training job of a model; its first round is planned with it.

    Args:
        config: settings, see `aggregation.core.config`; what is not said is as in its DEFAULT.
        site: members are the active nodes there and below; the model's tenant without.
        base_version: the published version to begin with; the newest without.

    Raises:
        InvalidInput: a setting, a site or a version that cannot be; `fields` has the reasons.
        JobRunning: the model has a running job.
        NothingToTrain, WorkloadUnfit: there is nothing to begin with, or no code for it here.
    """
    settings = _settings(config)
    where = _site(model, site)
    _check_strategy(strategy)
    locked = Model.objects.select_for_update(no_key=True).select_related("site").get(pk=model.pk)
    running = locked.jobs.filter(state=JobState.RUNNING).first()
    if running is not None:
        raise JobRunning(_("This model has a running job, %(job)s.") % {"job": running.pk})
    base = _base(locked, base_version)
    _check_workload(locked, base)
    job = TrainingJob.objects.create(
        model=locked,
        site=where,
        base_version=base,
        strategy=strategy,
        rounds_planned=settings.rounds,
        config=configs.to_document(settings),
        created_by=actor.person,
    )
    rounds.plan(job, 1)
    after = {"base_version": base.number, "rounds": settings.rounds, "site": where.path}
    trail.of_job("job.started", job, actor=actor, after=after)
    job.refresh_from_db()
    return job


@transaction.atomic
def stop(*, actor: Actor, job: TrainingJob, reason: str = "") -> TrainingJob:
    """End a job. A round that collects fails; one that is computed is finished, and nothing comes after it.

    Raises:
        JobOver: it has ended already.
    """
    held = hold(job.pk)
    if held is None or held.state != JobState.RUNNING:
        raise JobOver
    end(held, JobState.STOPPED, actor=actor, reason=reason)
    round = rounds.live(held)
    if round is not None and round.state in rounds.COLLECTING:
        rounds.fail(round, Failure.STOPPED, actor=actor)
    held.refresh_from_db()
    return held


def hold(job_id: uuid.UUID, *, wait: bool = True) -> TrainingJob | None:
    """Return a job held until the transaction ends; None where it is gone, or another holds it and `wait` is off."""
    rows = TrainingJob.objects.select_for_update(no_key=True, skip_locked=not wait, of=("self",))
    return rows.select_related("model__site", "site", "best_version", "base_version").filter(pk=job_id).first()


def end(
    job: TrainingJob, state: JobState, *, failure: str = "", actor: Actor = trail.LEARNING, reason: str = ""
) -> bool:
    """Move a running job to its end, with the event."""
    assert state in JOB_MOVES[JobState.RUNNING]
    rows = TrainingJob.objects.filter(pk=job.pk, state=JobState.RUNNING)
    if not rows.update(state=state, failure=trail.cut(failure), finished_at=Now()):
        return False
    job.state = state
    trail.touch(job)
    published = job.rounds.filter(state=RoundState.PUBLISHED).count()
    before = {"state": JobState.RUNNING.value}
    after: dict[str, Any] = {"rounds_published": published}
    if failure:
        after["failure"] = failure  # a word for programs; what a person gave is the reason
    trail.of_job(f"job.{state.value}", job, actor=actor, before=before, after=after, reason=reason)
    return True


def go_on(job: TrainingJob) -> bool:
    """Plan the next round of a running job that has none, or end the job; say whether it moved."""
    if job.state != JobState.RUNNING or rounds.live(job) is not None:
        return False
    states = list(job.rounds.order_by("number").values_list("state", flat=True))
    failed = rounds.failed_in_a_row(states)
    if failed >= MOST_FAILED_IN_A_ROW or (len(states) >= job.rounds_planned and failed == len(states)):
        last = job.rounds.order_by("-number").values_list("failure", flat=True).first()
        return end(job, JobState.FAILED, failure=said(Failure.ROUNDS_FAILED, f"{failed} in a row; the last: {last}"))
    if len(states) >= job.rounds_planned:
        return end(job, JobState.DONE)
    rounds.plan(job, len(states) + 1)
    return True


def _settings(config: Mapping[str, Any] | JobConfig) -> JobConfig:
    try:
        return configs.from_document(configs.to_document(config) if isinstance(config, JobConfig) else config)
    except ConfigRefused as error:
        raise refused(error.problems) from error


def _site(model: Model, site: Site | None) -> Site:
    if site is None:
        return model.site
    if not site.path.startswith(model.site.path):
        raise refuse("site", _("Choose a site of the model's tenant."))
    return site


def _check_strategy(name: str) -> None:
    try:
        strategy = strategies.get(name)
    except strategies.UnknownStrategy as error:
        known = {"names": ", ".join(strategies.names())}
        raise refuse("strategy", _("There is no such strategy; there are %(names)s.") % known) from error
    if JobKind.HORIZONTAL not in strategy.kinds or len(strategy.phases) != 1:
        raise refuse("strategy", _("Rounds of this strategy cannot be driven yet."))


def _base(model: Model, version: ModelVersion | None) -> ModelVersion:
    if version is not None:
        if version.model_id != model.pk or version.state != VersionState.PUBLISHED:
            raise refuse("base_version", _("Choose a published version of this model."))
        return version
    newest = model.versions.filter(state=VersionState.PUBLISHED).order_by("-number").first()
    if newest is None:
        raise NothingToTrain
    return newest


def _check_workload(model: Model, base: ModelVersion) -> None:
    names = {"name": model.workload, "published": base.workload_version}
    try:
        here = catalogue.get(model.workload).version
    except catalogue.UnknownWorkload as error:
        raise WorkloadUnfit(_("The workload “%(name)s” is not installed here.") % names) from error
    if here != base.workload_version:
        text = _("The workload “%(name)s” is here in version %(here)d; this was published with %(published)d.")
        raise WorkloadUnfit(text % (names | {"here": here}))
