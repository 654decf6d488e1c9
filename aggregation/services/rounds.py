"""Moves rounds by `core/lifecycle.py`, each move a conditional UPDATE with its event.

The caller holds the job's row: whoever moves a job or a round of it takes that lock first.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from aggregation.core import membership, strategies
from aggregation.core.config import JobConfig
from aggregation.core.failures import Failure, said
from aggregation.core.lifecycle import OVER, ROUND_MOVES, MemberState, PhaseState, RoundState
from aggregation.models import Member, Phase, Round, TrainingJob
from aggregation.selectors import candidates
from aggregation.services import trail
from fleet.trust.services.actors import Actor

# Nodes are out of sight for moments: a round without enough members waits so long for them before it fails.
PATIENCE = timedelta(minutes=1)
COLLECTING = (RoundState.PLANNED, RoundState.OPEN)
COMPUTING = (RoundState.AGGREGATING, RoundState.EVALUATING)


def live(job: TrainingJob) -> Round | None:
    """Return the job's round that is not over, where there is one."""
    return job.rounds.exclude(state__in=OVER).select_related("job__model__site", "base_version").first()


def plan(job: TrainingJob, number: int) -> Round:
    """Make the next round, on the newest published result: a round that failed leaves the last good one."""
    good = job.rounds.filter(state=RoundState.PUBLISHED).order_by("-number").first()
    base = (good and good.result_version_id) or job.base_version_id
    made = Round.objects.create(job=job, number=number, base_version_id=base)
    trail.touch(job)
    return made


def open(round: Round, config: JobConfig, now: datetime) -> bool:
    """Invite every node that can take part, or wait for enough of them, or fail; say whether the round moved."""
    present, might = membership.places(
        candidates.nodes(round.job.site, config.tiers, now), model_bytes=candidates.model_bytes(round.base_version)
    )
    missing = membership.short(present, might, config.quorum)
    if missing:
        return now >= round.created_at + PATIENCE and fail(round, Failure.NO_MEMBERS, missing)
    values: dict[str, Any] = {"opened_at": now, "parts": might}
    if not _move(round, RoundState.PLANNED, RoundState.OPEN, **values):
        return False
    _phases(round, config, now)
    Member.objects.bulk_create(Member(round=round, node_id=place.node, index=place.index) for place in present)
    trail.of_round("round.opened", round, before={"state": RoundState.PLANNED.value}, after={"members": len(present)})
    return True


def _phases(round: Round, config: JobConfig, now: datetime) -> None:
    """Make the strategy's phases, of which the first is open."""
    declared = strategies.get(round.job.strategy).phases
    Phase.objects.bulk_create(
        Phase(
            round=round,
            ordinal=ordinal,
            name=phase.name,
            update_kind=phase.update_kind.value,
            state=PhaseState.WAITING if ordinal else PhaseState.OPEN,
            quorum=config.quorum,
            deadline_at=None if ordinal else now + timedelta(seconds=config.deadline_s),
        )
        for ordinal, phase in enumerate(declared)
    )


def close(round: Round, now: datetime) -> bool:
    """End the collection and hand the round to whoever computes; who has not come by now is too late."""
    if not _move(round, RoundState.OPEN, RoundState.AGGREGATING, closed_at=now):
        return False
    _end_collection(round, "did not come in time")
    counts = round.members.filter(state=MemberState.RECEIVED).count()
    trail.of_round("round.closed", round, before={"state": RoundState.OPEN.value}, after={"received": counts})
    return True


def fail(round: Round, failure: Failure, detail: str = "", *, actor: Actor = trail.LEARNING, **only: Any) -> bool:
    """End a round without a result.

    Args:
        only: further conditions on its row, like the lease's epoch.
    """
    reason = trail.cut(said(failure, detail))
    before = round.state
    sources = [state for state, targets in ROUND_MOVES.items() if RoundState.FAILED in targets]
    if before not in sources:
        return False
    values = {"failure": reason, "finished_at": Now(), "leased_until": None}
    if not _move(round, RoundState(before), RoundState.FAILED, only=only, **values):
        return False
    _end_collection(round, "the round ended")
    trail.of_round("round.failed", round, actor=actor, before={"state": before}, after={"failure": reason})
    return True


def _end_collection(round: Round, detail: str) -> None:
    """Close what is open; members that may still have come have dropped out."""
    round.phases.filter(state=PhaseState.OPEN).update(state=PhaseState.CLOSED)
    waiting = round.members.filter(state__in=[MemberState.INVITED, MemberState.TRAINING])
    waiting.update(state=MemberState.DROPPED, detail=detail, since=Now())


def _move(
    round: Round, before: RoundState, after: RoundState, *, only: dict[str, Any] | None = None, **values: Any
) -> bool:
    """Move a round that is still where it was seen, and say whether it was."""
    assert after in ROUND_MOVES[before]
    rows = Round.objects.filter(pk=round.pk, state=before, **(only or {}))
    if not rows.update(state=after, **values):
        return False
    round.state = after
    for name, value in values.items():
        setattr(round, name, value)
    trail.touch(round.job)
    return True


def move(round: Round, before: RoundState, after: RoundState, *, epoch: int, **values: Any) -> bool:
    """Move a round that is computed, if the lease is still of this epoch."""
    return _move(round, before, after, only={"lease_epoch": epoch}, **values)


def failed_in_a_row(states: Iterable[str]) -> int:
    """Return how many rounds failed since the last one that was published.

    >>> failed_in_a_row(["failed", "published", "failed", "failed"])
    2
    """
    count = 0
    for state in states:
        count = count + 1 if state == RoundState.FAILED else 0
    return count
