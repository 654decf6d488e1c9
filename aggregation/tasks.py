"""Celery's face of learning. What computes needs torch; `config.celery` routes it to the one worker that may."""

import uuid

from celery import shared_task

from aggregation.services import compute, reconcile
from aggregation.services.wake import TASK


@shared_task
def reconcile_learning() -> None:
    """Bring jobs and rounds to what they should be while no pulse does."""
    reconcile.run()


@shared_task(name=TASK)
def compute_round(round_id: str) -> None:
    """Compute one round, unless it is in other hands."""
    compute.run(uuid.UUID(round_id))
    reconcile.run()  # the next round is opened at once


@shared_task(name="aggregation.compute_waiting")
def compute_rounds() -> None:
    """Compute the rounds that were left behind."""
    compute.run_all()
