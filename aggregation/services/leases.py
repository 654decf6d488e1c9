"""Claims rounds for computing: a lease with an epoch, renewed by a heartbeat while the process lives.

Whoever claims raises the epoch, so that whoever had the lease before, and was only slow, writes nothing
more: every write of a computation is conditional on its epoch.
"""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.db.models import Q
from django.db.models.functions import Now

from aggregation.models import Round, TrainingJob
from aggregation.services.rounds import COMPUTING

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
BEATS = 3  # in the time of a lease, so that one lost heartbeat loses nothing
MOST_ATTEMPTS = 3  # an update that kills whoever computes would kill it for ever
PAUSE = timedelta(seconds=5)  # after an attempt that ended with an error

CLAIM = """
UPDATE aggregation_round SET lease_epoch = lease_epoch + 1, leased_until = now() + %(lease)s, attempts = attempts + 1
WHERE id = %(id)s AND state = ANY(%(states)s) AND attempts < %(most)s
    AND (leased_until IS NULL OR leased_until < now())
RETURNING lease_epoch
"""


class LeaseLost(Exception):
    """Another has the round now, or it is over; nothing was written."""


@dataclass(frozen=True)
class Lease:
    """The right to compute a round, until a later epoch."""

    round_id: uuid.UUID
    epoch: int


def claimable() -> list[uuid.UUID]:
    """Return the rounds that wait for somebody to compute them."""
    free = Q(leased_until=None) | Q(leased_until__lt=Now())
    waiting = Round.objects.filter(free, state__in=COMPUTING, attempts__lt=MOST_ATTEMPTS)
    return list(waiting.order_by("closed_at", "pk").values_list("pk", flat=True))


def spent(round: Round) -> bool:
    """Say whether every attempt to compute a round was lost."""
    free = Q(leased_until=None) | Q(leased_until__lt=Now())
    rows = Round.objects.filter(free, pk=round.pk, state__in=COMPUTING, attempts__gte=MOST_ATTEMPTS)
    return rows.exists()


def claim(round_id: uuid.UUID) -> Lease | None:
    """Take a round to compute; None where it is over, in other hands, or was tried too often."""
    parameters: dict[str, Any] = {
        "id": round_id,
        "lease": LEASE,
        "states": [state.value for state in COMPUTING],
        "most": MOST_ATTEMPTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        row = cursor.fetchone()
    return Lease(round_id, row[0]) if row else None


def hold(lease: Lease) -> Round:
    """Return the round, held until the transaction ends, and its job with it.

    Raises:
        LeaseLost: the lease is not of this epoch any more.
    """
    rows = Round.objects.filter(pk=lease.round_id, lease_epoch=lease.epoch, state__in=COMPUTING)
    jobs = TrainingJob.objects.select_for_update(no_key=True, of=("self",))
    jobs.filter(rounds=lease.round_id).first()  # before the round, as everybody does
    found = rows.select_for_update(no_key=True, of=("self",)).select_related("job__model__site", "base_version").first()
    if found is None:
        raise LeaseLost(str(lease.round_id))
    return found


def give_back(lease: Lease, error: str) -> None:
    """Let another try after a pause; the error stays with the round for whoever looks on."""
    held = Round.objects.filter(pk=lease.round_id, lease_epoch=lease.epoch, state__in=COMPUTING)
    held.update(leased_until=Now() + PAUSE, failure=error)


@contextlib.contextmanager
def kept(lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread of its own until left, or until another has it."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=[lease, over], name="round-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(lease: Lease, over: threading.Event) -> None:
    while not over.wait(LEASE.total_seconds() / BEATS):
        try:
            held = Round.objects.filter(pk=lease.round_id, lease_epoch=lease.epoch, state__in=COMPUTING)
            if not held.update(leased_until=Now() + LEASE):
                return  # what this process still writes is for nothing, and conditional
        except DatabaseError as error:  # the next beat may be in time
            log.warning("lease.beat_lost", round=str(lease.round_id), error=str(error).strip())
        finally:
            connection.close()
