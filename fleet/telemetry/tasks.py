"""Safety nets: reconcilers that other processes run as well."""

from celery import shared_task

from fleet.telemetry.services import liveness, partitions, streams


@shared_task
def reconcile_partitions() -> None:
    """Keep the partitions of raw samples."""
    partitions.reconcile()


@shared_task
def reconcile_liveness() -> None:
    """Record who came and went while no pulse was running."""
    liveness.stand_in()


@shared_task
def prune_streams() -> None:
    """Drop the streams of finished boots."""
    streams.prune()
