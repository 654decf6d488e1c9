"""Celery's face of the registry. What publishes needs torch; `config.celery` routes it to the one worker that may."""

import uuid

import structlog
from celery import shared_task

from fleet.registry.models import ModelVersion
from fleet.registry.services import blobs, submissions, uploads, versions

log = structlog.get_logger(__name__)


@shared_task(name=versions.TASK)
def publish(version_id: str) -> None:
    """Check and publish one version now."""
    try:
        versions.publish(uuid.UUID(version_id))
    except ModelVersion.DoesNotExist:
        log.info("version.gone", version=version_id)


@shared_task(name="registry.reconcile_versions")
def reconcile_versions() -> None:
    """Publish what is still being checked and in nobody's hands."""
    versions.reconcile()


@shared_task
def reconcile_uploads() -> None:
    """Complete what a crash left whole, drop what has expired."""
    uploads.reconcile()


@shared_task
def reconcile_submissions() -> None:
    """Complete what a crash left whole, drop what belongs to withdrawn tasks."""
    submissions.reconcile()


@shared_task
def tidy_blobs() -> None:
    """Remove drafts that crashes left behind."""
    blobs.tidy()
