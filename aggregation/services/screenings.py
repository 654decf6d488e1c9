"""Screens the updates of a round, and keeps each verdict with its reason."""

import hashlib
from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models.functions import Now

from aggregation.core.config import JobConfig
from aggregation.core.lifecycle import MemberState, Screen, Verdict
from aggregation.core.screening import Screened, screen
from aggregation.models import Member, Round, Update
from aggregation.services import leases, trail
from aggregation.services.leases import Lease
from fleet.registry.services import blobs

BATCH = 64  # verdicts that one transaction keeps: what a kill throws away is looked at again


def run(
    lease: Lease,
    round: Round,
    config: JobConfig,
    *,
    expected: Mapping[str, tuple[str, tuple[int, ...]]],
    trained: Collection[str],
) -> None:
    """Decide on every update of the round that is not decided yet; the same file always gets the same verdict.

    Raises:
        LeaseLost: another has the round now.
    """
    pending = Update.objects.filter(phase__round=round, verdict=Verdict.PENDING).select_related("phase")
    waiting = list(pending.order_by("pk"))
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        _keep(lease, round, [(update, _screened(update, config, expected, trained)) for update in batch])


def _screened(
    update: Update, config: JobConfig, expected: Mapping[str, tuple[str, tuple[int, ...]]], trained: Collection[str]
) -> Screened:
    path = blobs.store().path(update.sha256)
    try:
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == update.sha256
    except FileNotFoundError:
        whole = False
    if not whole:  # not the member's fault, and still nothing that may count
        return Screened(Screen.MALFORMED, "the stored file is not the one that came", None)
    return screen(
        path,
        expected=expected,
        trained=trained,
        samples=update.samples,
        kind=update.kind,
        wanted_kind=update.phase.update_kind,
        max_norm=config.max_norm,
    )


@transaction.atomic
def _keep(lease: Lease, round: Round, found: list[tuple[Update, Screened]]) -> None:
    leases.hold(lease)
    for update, result in found:
        update.verdict = Verdict.ACCEPTED if result.accepted else Verdict.REFUSED
        update.reason, update.detail, update.norm = result.reason.value, trail.cut(result.detail), result.norm
    Update.objects.bulk_update([update for update, _result in found], ["verdict", "reason", "detail", "norm"])
    for accepted, state in ((True, MemberState.ACCEPTED), (False, MemberState.REFUSED)):
        nodes = [update.node_id for update, result in found if result.accepted is accepted]
        members = Member.objects.filter(round=round, node__in=nodes, state=MemberState.RECEIVED)
        members.update(state=state, since=Now())
    trail.touch(round.job)
