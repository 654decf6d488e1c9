"""Celery's face of rollouts."""

from celery import shared_task

from fleet.rollouts.services import reconcile


@shared_task
def reconcile_rollouts() -> None:
    """Bring targets and assignments to what they should be while no pulse does."""
    reconcile.run()
