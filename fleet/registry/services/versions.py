"""Makes versions of models and publishes them, by `core/version_states.py`.

    create_version ──▶ checking ──publish──▶ published, or refused

Publishing computes for seconds and imports torch. It runs in a command's own process or in the
worker of the queue `aggregation`; whoever begins holds an advisory lock of the version, which
PostgreSQL frees when that process ends, however it ends. Everything that a version shows appears
in one transaction at the end, so a kill anywhere leaves it `checking`, for the reconciler.
"""

import contextlib
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import structlog
from celery import current_app
from django.db import connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from fleet.registry.core.version_states import Origin, VersionState
from fleet.registry.models import Artifact, Component, Model, ModelVersion, Upload
from fleet.registry.services import cutting
from fleet.registry.services.models import create as create_model
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, InvalidInput, refuse
from muster.workloads import catalogue

MOST_ATTEMPTS = 3  # a file that kills its checker would kill it for ever
LARGEST_SEED = (1 << 53) - 1  # what JSON carries exactly
NOTE_LENGTH = ModelVersion._meta.get_field("note").max_length or 0
REFUSAL_LENGTH = ModelVersion._meta.get_field("refusal").max_length or 0
PUBLISHER = Actor.system("registry")

TASK = "registry.publish"  # routed to the one worker that may import torch

log = structlog.get_logger(__name__)


class UploadNotComplete(Conflict):
    """The upload has not come to its end, or was refused."""

    code = "upload_not_complete"


@transaction.atomic
def create_version(
    *,
    actor: Actor,
    model: Model,
    origin: Origin,
    seed: int | None = None,
    upload: Upload | None = None,
    source_sha256: str = "",
    parent: ModelVersion | None = None,
    note: str = "",
    wake: bool = True,
) -> ModelVersion:
    """Make the next version of a model, to be checked and published.

    Args:
        seed: for Origin.INITIAL: of the first weights.
        upload: for Origin.UPLOADED: a complete one of the same tenant.
        source_sha256: in place of an upload: a file that is in the blob store.
        parent: the version that this one was made from.
        wake: whether a worker shall publish it as soon as this has committed.

    Raises:
        InvalidInput: a seed out of range, a parent of another model or one that is not published.
        UploadNotComplete: the upload's bytes are not all here.
    """
    _check(model, origin, seed, parent, note)
    if origin == Origin.UPLOADED:
        source_sha256 = source_sha256 or _source(model, upload)
    locked = Model.objects.select_for_update(no_key=True).get(pk=model.pk)  # whoever counts holds it
    last = locked.versions.aggregate(last=Max("number"))["last"] or 0
    version = ModelVersion.objects.create(
        model=model,
        number=last + 1,
        parent=parent,
        origin=origin,
        seed=seed if origin == Origin.INITIAL else None,
        source_sha256=source_sha256,
        workload_version=_workload_version(model),
        note=note,
        created_by=actor.person,
    )
    _record("version.created", actor, version, after={"origin": origin, "parent": parent.number if parent else None})
    if wake:
        transaction.on_commit(lambda: _wake(version.pk))
    return version


def create_published(
    *,
    actor: Actor,
    parent: ModelVersion,
    source_sha256: str,
    pieces: cutting.Pieces,
    metrics: dict[str, Any],
    note: str = "",
) -> ModelVersion:
    """Make and publish a trained version in the caller's transaction, out of shards that were cut before it.

    Args:
        parent: the published version that training began with.
        source_sha256: the blob of the whole trained model.
        pieces: what `cutting.cut` made of it.
        metrics: measured on held-out data.
    """
    _check(parent.model, Origin.TRAINED, None, parent, note)
    locked = Model.objects.select_for_update(no_key=True).get(pk=parent.model_id)  # whoever counts holds it
    last = locked.versions.aggregate(last=Max("number"))["last"] or 0
    version = ModelVersion.objects.create(
        model=parent.model,
        number=last + 1,
        parent=parent,
        origin=Origin.TRAINED,
        state=VersionState.PUBLISHED,
        source_sha256=source_sha256,
        workload_version=pieces.workload.version,
        manifest_sha256=pieces.manifest_sha256,
        metrics=metrics,
        note=note,
        created_by=actor.person,
        published_at=Now(),
    )
    _keep(version, pieces)
    after = {"origin": Origin.TRAINED.value, "parent": parent.number, "manifest_sha256": pieces.manifest_sha256}
    _record("version.published", actor, version, after=after | {"shards": len(pieces.pieces)})
    return version


def publish(version_id: uuid.UUID, *, actor: Actor = PUBLISHER, wait: bool = False) -> ModelVersion:
    """Check a version's weights, cut them, and publish or refuse it; return it as it is then.

    A version that is decided stays as it is. One that another process is checking is left to that
    one; with `wait`, until it is done.

    Raises:
        ModelVersion.DoesNotExist: it is gone.
        OSError: the disk failed; the version is still being checked and will be tried again.
    """
    with _alone(version_id, wait) as alone:
        if alone and _begin(version_id, actor):
            version = _get(version_id)
            try:
                _decide(version, actor)
            except Exception as error:
                # Kept for whoever looks on, and for the refusal if this was the last attempt.
                still = ModelVersion.objects.filter(pk=version_id, state=VersionState.CHECKING)
                still.update(refusal=_short(f"{type(error).__name__}: {error}"))
                raise
    return _get(version_id)


def reconcile() -> None:
    """Publish what is still being checked and in nobody's hands; twice changes nothing."""
    waiting = ModelVersion.objects.filter(state=VersionState.CHECKING).order_by("created_at")
    for version_id in list(waiting.values_list("pk", flat=True)):
        try:
            publish(version_id)
        except ModelVersion.DoesNotExist:
            log.info("version.gone", version=str(version_id))
        except Exception:  # one version's trouble is not the others'; it is tried a finite number of times
            log.exception("version.attempt_failed", version=str(version_id))


def _source(model: Model, upload: Upload | None) -> str:
    """Return the name of the blob that an upload has become."""
    if upload is None or upload.site_id != model.site_id:
        raise refuse("upload", _("There is no such upload."))
    if upload.state != Upload.State.COMPLETE:
        raise UploadNotComplete(_("This upload is not complete."))
    return upload.sha256


def _check(model: Model, origin: Origin, seed: int | None, parent: ModelVersion | None, note: str) -> None:
    if origin == Origin.INITIAL and (seed is None or not 0 <= seed <= LARGEST_SEED):
        raise refuse("seed", _("Give a whole number from 0 to %(most)d.") % {"most": LARGEST_SEED})
    if parent is not None and (parent.model_id != model.pk or parent.state != VersionState.PUBLISHED):
        raise refuse("parent", _("The parent must be a published version of the same model."))
    if len(note) > NOTE_LENGTH or "\0" in note:
        raise refuse("note", _("A note has at most %(count)d characters.") % {"count": NOTE_LENGTH})


def _workload_version(model: Model) -> int:
    try:
        return catalogue.get(model.workload).version
    except catalogue.UnknownWorkload as error:
        raise InvalidInput(_("The workload %(name)s is not installed here.") % {"name": model.workload}) from error


@contextlib.contextmanager
def _alone(version_id: uuid.UUID, wait: bool) -> Iterator[bool]:
    """Hold the version's advisory lock, of this database session; yield whether it is ours."""
    key = int.from_bytes(hashlib.sha256(b"muster/publish" + version_id.bytes).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_lock(%s)", [key])
            held = True
        else:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
            held = cursor.fetchone()[0]
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _begin(version_id: uuid.UUID, actor: Actor) -> bool:
    """Count an attempt, durably and before it begins; refuse a version whose attempts were all lost."""
    checking = ModelVersion.objects.filter(pk=version_id, state=VersionState.CHECKING)
    with transaction.atomic(durable=True):
        if checking.filter(attempts__lt=MOST_ATTEMPTS).update(attempts=F("attempts") + 1, refusal=""):
            return True
    version = checking.select_related("model__site").first()
    if version is not None:
        last = version.refusal or "the process that checked it ended"
        _refuse(version, actor, "gave_up", f"given up after {version.attempts} attempts; in the last one: {last}")
    return False


def _decide(version: ModelVersion, actor: Actor) -> None:
    try:
        pieces = cutting.cut(version)
    except cutting.Refused as refusal:
        _refuse(version, actor, refusal.code, str(refusal))
    else:
        _publish(version, actor, pieces)


@transaction.atomic
def _publish(version: ModelVersion, actor: Actor, pieces: cutting.Pieces) -> None:
    won = ModelVersion.objects.filter(pk=version.pk, state=VersionState.CHECKING).update(
        state=VersionState.PUBLISHED,
        manifest_sha256=pieces.manifest_sha256,
        workload_version=pieces.workload.version,
        published_at=Now(),
    )
    if not won:
        return
    _keep(version, pieces)
    after = {"manifest_sha256": pieces.manifest_sha256, "shards": len(pieces.pieces)}
    _record("version.published", actor, version, before={"state": VersionState.CHECKING.value}, after=after)


def _keep(version: ModelVersion, pieces: cutting.Pieces) -> None:
    """Store the components and artifacts of a version."""
    components = Component.objects.bulk_create(
        Component(
            version=version,
            name=component.name,
            modality=component.modality,
            position=position,
            default_tier=component.default_tier,
        )
        for position, component in enumerate(pieces.workload.components)
    )
    by_name = {component.name: component for component in components}
    Artifact.objects.bulk_create(
        Artifact(**vars(piece) | {"component": by_name[piece.component]}) for piece in pieces.pieces
    )


@transaction.atomic
def _refuse(version: ModelVersion, actor: Actor, code: str, reason: str) -> None:
    reason = _short(reason)
    checking = ModelVersion.objects.filter(pk=version.pk, state=VersionState.CHECKING)
    if checking.update(state=VersionState.REFUSED, refusal_code=code, refusal=reason):
        before, after = {"state": VersionState.CHECKING.value}, {"code": code}
        _record("version.refused", actor, version, before=before, after=after, reason=reason)


def _short(text: str) -> str:
    """Return what a column holds of a text that may carry names out of a stranger's file."""
    return text.replace("\0", "�")[:REFUSAL_LENGTH]


def _get(version_id: uuid.UUID) -> ModelVersion:
    return ModelVersion.objects.select_related("model__site", "parent").get(pk=version_id)


def _wake(version_id: uuid.UUID) -> None:
    """Ask a worker to publish a version. A lost message costs seconds: the reconciler finds the version."""
    try:
        current_app.send_task(TASK, args=[str(version_id)], retry=False)
    except (OperationalError, OSError) as error:
        log.warning("version.wake_lost", version=str(version_id), error=str(error))


def _record(
    verb: str,
    actor: Actor,
    version: ModelVersion,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
    reason: str = "",
) -> None:
    events.record(
        verb,
        actor=actor,
        target_kind="version",
        target_id=version.pk,
        target_label=str(version),
        site=version.model.site,
        before=before,
        after=after,
        reason=reason,
    )


__all__ = [
    "LARGEST_SEED",
    "UploadNotComplete",
    "create_model",
    "create_published",
    "create_version",
    "publish",
    "reconcile",
]
