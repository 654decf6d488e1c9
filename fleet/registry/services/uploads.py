"""Takes files of people in, piece by piece; see `parts` for how a piece becomes durable.

    create ──▶ append, append, … ──▶ complete, or refused because the bytes have another hash
                  └─ pruned when nothing comes for a day

What an upload has become stays in the blob store when its row goes.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fleet.registry.models import Upload
from fleet.registry.services import blobs
from fleet.registry.services.parts import Parts, check_room
from fleet.trust.models import Site
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import refuse

LIFETIME = timedelta(days=1)  # from the last piece on: a link that was cut over night is resumed in the morning


def create(*, actor: Actor, site: Site, size_bytes: int, sha256: str) -> Upload:
    """Begin an upload for a tenant.

    Raises:
        InvalidInput: the site is no root, the size is out of range, the hash is none.
        DiskFull: it would not fit.
    """
    if site.parent_id is not None:
        raise refuse("site", _("Models belong to a root site."))
    most = settings.MUSTER_MAX_ARTIFACT_BYTES
    if not 0 < size_bytes <= most:
        raise refuse("size_bytes", _("Between 1 and %(most)d bytes are taken.") % {"most": most})
    if not blobs.NAME.match(sha256):
        raise refuse("sha256", _("A SHA-256 is 64 lower-case hexadecimal digits."))
    check_room(2 * size_bytes)  # the bytes as they come, and their copy in the store
    return Upload.objects.create(
        site=site,
        size_bytes=size_bytes,
        sha256=sha256,
        created_by=actor.person,
        expires_at=timezone.now() + LIFETIME,
    )


def append(upload: Upload, *, offset: int, data: bytes) -> Upload:
    """Store the next piece durably and return the upload as it is then; after the last one, complete it.

    Raises:
        WrongOffset, TooMuch, WrongHash, DiskFull: as `Parts.append` does.
    """
    return PARTS.append(upload.pk, offset=offset, data=data)


def reconcile() -> None:
    """Complete what a crash has left whole but unnamed, and drop what has expired; twice changes nothing."""
    PARTS.finish_all()
    expired = Upload.objects.filter(expires_at__lt=timezone.now())
    for upload_id in list(expired.values_list("pk", flat=True)):
        _drop(upload_id)
    PARTS.sweep()


def _lives_on() -> Mapping[str, Any]:
    return {"expires_at": timezone.now() + LIFETIME}


def _ended(upload: Upload, wrong: blobs.WrongBytes | None) -> Mapping[str, Any]:
    if wrong is None:
        return {}
    events.record(
        "upload.refused",
        actor=Actor.user(upload.created_by) if upload.created_by else Actor.system("registry"),
        target_kind="upload",
        target_id=upload.pk,
        target_label=str(upload.pk),
        site=upload.site,
        after={"announced": upload.sha256, "size_bytes": upload.size_bytes},
        reason=str(wrong),
    )
    return {"refusal": str(wrong)}


def _drop(upload_id: uuid.UUID) -> None:
    """Forget an expired upload unless a piece is just coming in; what it made is in the blob store and stays."""
    with transaction.atomic():
        waiting = Upload.objects.select_for_update(skip_locked=True).filter(expires_at__lt=timezone.now())
        upload = waiting.filter(pk=upload_id).first()
        if upload is not None:
            PARTS.path(upload_id).unlink(missing_ok=True)
            upload.delete()


PARTS = Parts(Upload, "uploads", counted=_lives_on, ended=_ended)
