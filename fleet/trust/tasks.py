"""Celery's face of trust."""

from celery import shared_task

from fleet.trust.services import canaries, pruning


@shared_task(name="trust.canary")
def canary(queue: str) -> None:
    """Leave a sign of life of the worker that runs this."""
    canaries.stamp(queue)


@shared_task(name="trust.prune")
def prune() -> None:
    """Drop ended tokens and sessions."""
    pruning.prune()
