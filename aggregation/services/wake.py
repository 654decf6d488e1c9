"""Asks a worker to compute a round."""

import uuid

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

TASK = "aggregation.compute"  # routed to the one worker that may import torch
STALE_AFTER_S = 30  # a wake-up that waited longer behind other work is worth nothing: another one has come since

log = structlog.get_logger(__name__)


def wake(round_id: uuid.UUID) -> None:
    """Ask a worker to compute a round. A lost message costs seconds: the reconciler finds the round again."""
    try:
        current_app.send_task(TASK, args=[str(round_id)], retry=False, expires=STALE_AFTER_S)
    except (OperationalError, OSError) as error:
        log.warning("round.wake_lost", round=str(round_id), error=str(error))
