"""Computes closed rounds: screens, aggregates, evaluates, publishes.

    aggregating ──aggregate──▶ evaluating ──publish──▶ published, or failed

It takes seconds to minutes and imports torch, so it runs in the worker of the queue `aggregation` or in a
command. A message only wakes that worker; the right to compute is a lease in PostgreSQL. A kill anywhere
leaves a round that the next one computes again to the same bytes: files are named by their content, and what
a round shows appears in one transaction at the end.
"""

import uuid

import structlog
from django.db import transaction

from aggregation.core import config as configs
from aggregation.core.failures import Failure
from aggregation.core.lifecycle import RoundState
from aggregation.models import Round, Update
from aggregation.services import leases, publishing, rounds, screenings, trail, weights
from aggregation.services.failpoints import reach
from aggregation.services.leases import Lease, LeaseLost
from fleet.registry.models import ModelVersion
from fleet.registry.services import blobs
from muster.shards import modules, naming
from muster.tensors.accumulate import AggregateError
from muster.workloads import catalogue
from muster.workloads.catalogue import UnknownWorkload
from muster.workloads.declaration import Workload

log = structlog.get_logger(__name__)


class Failed(Exception):
    """The round cannot be published, whoever tries it again."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


def run_all() -> int:
    """Compute every round that waits for it, and return how many were tried."""
    return sum(run(round_id) for round_id in leases.claimable())


def run(round_id: uuid.UUID) -> bool:
    """Compute a round unless it is in other hands; say whether it was tried."""
    lease = leases.claim(round_id)
    if lease is None:
        return False
    with leases.kept(lease):
        try:
            _drive(lease)
        except LeaseLost:
            log.info("round.lease_lost", round=str(round_id), epoch=lease.epoch)
        except Failed as failed:
            _fail(lease, failed)
        except Exception as error:  # the disk, the database, a workload's own code: tried a finite number of times
            log.exception("round.attempt_failed", round=str(round_id), epoch=lease.epoch)
            leases.give_back(lease, trail.cut(f"{type(error).__name__}: {error}"))
    return True


def _drive(lease: Lease) -> None:
    round = _get(lease)
    workload = _workload(round.job.model.workload, round.base_version)
    if round.state == RoundState.AGGREGATING:
        _aggregate(lease, round, workload)
    try:
        publishing.publish(lease, workload)
    except publishing.NotPublishable as error:
        raise Failed(Failure.NOT_PUBLISHABLE, str(error)) from error
    reach("after_publish")


def _workload(name: str, version: ModelVersion) -> Workload:
    """Return the workload that a version was published with.

    Raises:
        Failed: it is not here any more, or in another version.
    """
    try:
        workload = catalogue.get(name)
    except UnknownWorkload as error:
        raise Failed(Failure.WORKLOAD_UNFIT, str(error)) from error
    if workload.version != version.workload_version:
        detail = (
            f"{name} is here in version {workload.version}, the model was published with {version.workload_version}"
        )
        raise Failed(Failure.WORKLOAD_UNFIT, detail)
    return workload


def _aggregate(lease: Lease, round: Round, workload: Workload) -> None:
    """Screen what came, average what is accepted, and keep the result under its hash."""
    config = configs.from_document(round.job.config)
    components = [component.name for component in workload.components]
    screenings.run(lease, round, config, expected=expected(workload), trained=components)
    updates = weights.accepted(round)
    _check_quorum(round, updates, config.quorum)
    reach("before_aggregate")
    store = blobs.store()
    with store.draft() as draft:
        try:
            weights.aggregate(round, workload, updates, draft)
        except AggregateError as error:
            raise Failed(Failure.NOT_PUBLISHABLE, str(error)) from error
        sha256 = store.keep(draft)
    reach("after_aggregate")
    with transaction.atomic():
        held = leases.hold(lease)
        rounds.move(
            held, RoundState.AGGREGATING, RoundState.EVALUATING, epoch=lease.epoch, result_sha256=sha256, failure=""
        )


def expected(workload: Workload) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return `component.tensor` → dtype and shape of a whole model in its reference variants."""
    return {
        naming.full(component.name, None, rest): form
        for component in workload.components
        for rest, form in modules.expected(workload, component.name, component.variants[0].name).items()
    }


def _check_quorum(round: Round, updates: list[Update], quorum: int) -> None:
    if len(updates) < quorum:
        came = Update.objects.filter(phase__round=round).count()
        raise Failed(Failure.QUORUM_LOST, f"{len(updates)} of {came} updates were accepted; the quorum is {quorum}")


@transaction.atomic
def _fail(lease: Lease, failed: Failed) -> None:
    try:
        round = leases.hold(lease)
    except LeaseLost:
        return
    rounds.fail(round, failed.failure, str(failed), lease_epoch=lease.epoch)


def _get(lease: Lease) -> Round:
    rows = Round.objects.select_related("job__model__site", "base_version__model__site")
    return rows.get(pk=lease.round_id)
