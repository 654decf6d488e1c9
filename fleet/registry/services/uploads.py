"""Takes files in piece by piece, resumable by offset.

    create ──▶ append, append, … ──▶ complete, or refused because the bytes have another hash
                  └─ pruned when nothing comes for a day

What is counted in `received_bytes` is on disk: a piece is written and synced before it is counted,
and counted before it is answered. A crash in between leaves bytes that nobody counts; the same
piece, sent again, is written over them. The row's lock lets one piece of an upload in at a time.
"""

import contextlib
import errno
import os
import shutil
import time
import uuid
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.registry.models import Upload
from fleet.registry.services import blobs
from fleet.trust.models import Site
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, DomainError, refuse

LIFETIME = timedelta(days=1)  # from the last piece on: a link that was cut over night is resumed in the morning
# Left free for everything else that writes to this disk.
RESERVE_BYTES = 64 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)

log = structlog.get_logger(__name__)


class WrongOffset(Conflict):
    """The piece does not follow what is here.

    Attributes:
        offset: where the next piece begins.
    """

    code = "wrong_offset"

    def __init__(self, offset: int) -> None:
        super().__init__(_("The next byte to send is number %(offset)d.") % {"offset": offset})
        self.offset = offset
        self.fields = {"offset": [str(offset)]}


class TooMuch(DomainError):
    """The piece goes beyond the size that was announced."""

    code = "too_much"
    message = gettext_lazy("This goes beyond the size that was announced.")


class UploadRefused(Conflict):
    """All bytes are here, and they are not the announced ones."""

    code = "wrong_hash"
    message = gettext_lazy("The bytes have another SHA-256 than was announced. Begin a new upload.")


class DiskFull(DomainError):
    """The server's disk has no room for this."""

    code = "disk_full"
    status = 507
    message = gettext_lazy("There is not enough room on the server's disk.")


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

    Sending nothing at the end of a whole file completes it where a crash has prevented that.

    Raises:
        WrongOffset: the piece does not begin where the last one ended.
        TooMuch: it goes beyond the announced size; nothing of it was stored.
        UploadRefused: it was the last one, and the file has another hash than announced.
        DiskFull: nothing of it was counted; it may be sent again.
    """
    with transaction.atomic():
        locked = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        have = _counted(locked)
        fits = offset == have
        if fits and data:
            if offset + len(data) > locked.size_bytes:
                raise TooMuch
            _write(locked, offset, data)
            have += len(data)
        if have != locked.received_bytes:
            locked.received_bytes, locked.expires_at = have, timezone.now() + LIFETIME
            locked.save(update_fields=["received_bytes", "expires_at"])
    if not fits:
        raise WrongOffset(have)
    finished = _finish(locked.pk) or locked
    if finished.state == Upload.State.REFUSED:
        raise UploadRefused
    return finished


def reconcile() -> None:
    """Complete what a crash has left whole but unnamed, and drop what has expired; twice changes nothing."""
    whole = Upload.objects.filter(state=Upload.State.OPEN, received_bytes=F("size_bytes"))
    for upload_id in list(whole.values_list("pk", flat=True)):
        try:
            _finish(upload_id, skip_locked=True)
        except DiskFull:
            log.warning("upload.disk_full", upload=str(upload_id))
    expired = Upload.objects.filter(expires_at__lt=timezone.now())
    for upload_id in list(expired.values_list("pk", flat=True)):
        _drop(upload_id)
    _sweep()


def check_room(wanted_bytes: int) -> None:
    """Raise DiskFull unless so many bytes fit beside the reserve."""
    if shutil.disk_usage(settings.MUSTER_DATA_DIR).free < wanted_bytes + RESERVE_BYTES:
        raise DiskFull


def _counted(upload: Upload) -> int:
    """Return how far an upload has come; less than its row says only where its file was lost under it."""
    if upload.state != Upload.State.OPEN:
        return upload.received_bytes
    path = _path(upload.pk)
    return min(upload.received_bytes, path.stat().st_size if path.exists() else 0)


def _write(upload: Upload, offset: int, data: bytes) -> None:
    check_room(len(data))
    path = _path(upload.pk)
    path.parent.mkdir(blobs.FOLDER, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull from error
        raise
    if offset == 0:  # the file is new
        blobs.sync_folder(path.parent)


def _finish(upload_id: uuid.UUID, *, skip_locked: bool = False) -> Upload | None:
    """Name a whole file by its hash, or refuse it; None where there is nothing to do."""
    with transaction.atomic():
        open_ = Upload.objects.select_for_update(no_key=True, skip_locked=skip_locked).filter(state=Upload.State.OPEN)
        upload = open_.filter(pk=upload_id, received_bytes=F("size_bytes")).first()
        if upload is None or _counted(upload) < upload.size_bytes:
            return None
        try:
            blobs.store().put_file(_path(upload.pk), expected=upload.sha256)
            upload.state = Upload.State.COMPLETE
        except blobs.WrongBytes as error:
            upload.state, upload.refusal = Upload.State.REFUSED, str(error)
            _record_refusal(upload)
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull from error
            raise
        upload.save(update_fields=["state", "refusal"])
        # After the commit; what a crash leaves here is swept up later.
        transaction.on_commit(lambda: _path(upload_id).unlink(missing_ok=True))
    return upload


def _record_refusal(upload: Upload) -> None:
    events.record(
        "upload.refused",
        actor=Actor.user(upload.created_by) if upload.created_by else Actor.system("registry"),
        target_kind="upload",
        target_id=upload.pk,
        target_label=str(upload.pk),
        site=upload.site,
        after={"announced": upload.sha256, "size_bytes": upload.size_bytes},
        reason=upload.refusal,
    )


def _drop(upload_id: uuid.UUID) -> None:
    """Forget an expired upload unless a piece is just coming in; what it made is in the blob store and stays."""
    with transaction.atomic():
        waiting = Upload.objects.select_for_update(skip_locked=True).filter(expires_at__lt=timezone.now())
        upload = waiting.filter(pk=upload_id).first()
        if upload is not None:
            _path(upload.pk).unlink(missing_ok=True)
            upload.delete()


def _sweep() -> None:
    """Remove files of uploads that are not open, an hour after the last byte."""
    oldest = time.time() - blobs.LEFT_BEHIND.total_seconds()
    wanted = {
        f"{upload_id}.part" for upload_id in Upload.objects.filter(state=Upload.State.OPEN).values_list("pk", flat=True)
    }
    for path in _folder().glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            if path.name not in wanted and path.stat().st_mtime < oldest:
                path.unlink()


def _folder() -> Path:
    folder: Path = settings.MUSTER_DATA_DIR / "uploads"
    return folder


def _path(upload_id: uuid.UUID) -> Path:
    return _folder() / f"{upload_id}.part"
