"""Brings jobs and rounds to what came and to what time it is. Anybody may run it; a second run changes nothing.

A job's row is the lock of all that belongs to it; what another process holds is passed over, the next
second finds it. What computes is only woken here: it imports torch and runs elsewhere.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from aggregation.core import closing
from aggregation.core import config as configs
from aggregation.core.closing import Collection, Decision
from aggregation.core.failures import Failure
from aggregation.core.lifecycle import MemberState, PhaseState, RoundState
from aggregation.models import Phase, Round, TrainingJob
from aggregation.selectors import due
from aggregation.services import intake, jobs, leases, members, publishing, rounds, trail
from aggregation.services.wake import wake as wake_worker
from muster.clock import Clock, now_us

log = structlog.get_logger(__name__)

Wake = Callable[[uuid.UUID], None]


def run(*, now: datetime | None = None, clock: Clock = now_us, wake: Wake = wake_worker) -> dict[str, int]:
    """Do all there is to do; return how many jobs moved, and how many nodes got other work.

    Args:
        now: what time it is.
        wake: asks a worker to compute a round.

    Raises:
        Exception: the first that a job met, once everything else is done: one job's trouble is not the others'.
    """
    moved, failed = _advance_all(now or timezone.now())
    done = {"moved": moved, "late": _late(), "issued": members.issue(clock=clock)}
    for round_id in leases.claimable():
        wake(round_id)
    if any(done.values()):
        log.info("learning.reconciled", **done)
    if failed is not None:
        raise failed
    return done


def _advance_all(now: datetime) -> tuple[int, Exception | None]:
    """Move every job as far as it goes; return how many moved, and the first error."""
    moved, failed = 0, None
    for job_id in due.jobs():
        try:
            moved += _advance(job_id, now)
        except Exception as error:  # noqa: BLE001 - raised again when the others have been looked at
            failed = failed or error
    return moved, failed


@transaction.atomic
def _advance(job_id: uuid.UUID, now: datetime) -> bool:
    """Move one job as far as it goes now; say whether it moved."""
    job = jobs.hold(job_id, wait=False)
    if job is None:
        return False
    round = rounds.live(job)
    if round is None:
        if not jobs.go_on(job):
            return publishing.due(job) and publishing.push(job)
        round = rounds.live(job)
        if round is None:  # that was the last one
            if publishing.due(job):
                publishing.push(job)
            return True
        _step(round, now)
        return True
    return _step(round, now)


def _step(round: Round, now: datetime) -> bool:
    """Move a round that is not over, where it is to move now."""
    if round.state == RoundState.PLANNED:
        return rounds.open(round, configs.from_document(round.job.config), now)
    if round.state == RoundState.OPEN:
        return _collect(round, now)
    return _give_up(round)


def _collect(round: Round, now: datetime) -> bool:
    """Take what came, and close or fail the round when its time has come."""
    phase = round.phases.get(state=PhaseState.OPEN)
    moved = intake.take(phase)
    found = _collection(phase)
    grace = timedelta(seconds=configs.from_document(round.job.config).grace_s)
    until = closing.grace_until(found, now, grace)
    if until != phase.grace_until:
        Phase.objects.filter(pk=phase.pk, grace_until=None).update(grace_until=until)
        found = _collection(round.phases.get(pk=phase.pk))
        moved += 1
    if moved:
        trail.touch(round.job)
    decision = closing.decide(found, now)
    if decision is Decision.CLOSE:
        return rounds.close(round, now)
    if decision is Decision.FAIL:
        detail = f"{found.received} updates came; the quorum is {found.quorum}"
        return rounds.fail(round, Failure.QUORUM_MISSED, detail)
    return moved > 0


def _collection(phase: Phase) -> Collection:
    states = list(phase.round.members.values_list("state", flat=True))
    waiting = sum(state in intake.COMING for state in states)
    assert phase.deadline_at is not None  # set when it opens
    return Collection(states.count(MemberState.RECEIVED), waiting, phase.quorum, phase.deadline_at, phase.grace_until)


def _give_up(round: Round) -> bool:
    """Fail a round whose computation was lost too often."""
    if not leases.spent(round):
        return False
    last = round.failure or "the process that computed it ended"
    detail = f"{round.attempts} attempts; in the last one: {last}"
    return rounds.fail(round, Failure.GAVE_UP, detail, lease_epoch=round.lease_epoch)


def _late() -> int:
    """Note what came too late."""
    concerned = intake.late(due.lately_closed())
    for job in TrainingJob.objects.filter(pk__in=concerned):
        trail.touch(job)
    return len(concerned)
