"""Files that come in piece by piece, resumable by offset: what people upload and what nodes hand over.

    open ──▶ append, append, … ──▶ complete, or refused because the bytes have another hash

What is counted in `received_bytes` is on disk: a piece is written and synced before it is counted,
and counted before it is answered. A crash in between leaves bytes that nobody counts; the same
piece, sent again, is written over them, and what was counted is never written to again. The row's
lock lets one piece of a file in at a time.
"""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.registry.models import Submission, Upload
from fleet.registry.services import blobs
from fleet.trust.services.errors import Conflict, DomainError

# Left free for everything else that writes to this disk.
RESERVE_BYTES = 64 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)

log = structlog.get_logger(__name__)

Row = TypeVar("Row", Upload, Submission)


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


class WrongHash(Conflict):
    """All bytes are here, and they are not the announced ones."""

    code = "wrong_hash"
    message = gettext_lazy("The bytes have another SHA-256 than was announced. Begin a new upload.")


class DiskFull(DomainError):
    """The server's disk has no room for this."""

    code = "disk_full"
    status = 507
    message = gettext_lazy("There is not enough room on the server's disk.")


def check_room(wanted_bytes: int) -> None:
    """Raise DiskFull unless so many bytes fit beside the reserve."""
    if shutil.disk_usage(settings.MUSTER_DATA_DIR).free < wanted_bytes + RESERVE_BYTES:
        raise DiskFull


class Parts(Generic[Row]):
    """The unfinished files of one table's rows, each `MUSTER_DATA_DIR/<folder>/<id>.part`.

    Args:
        rows: the table; `state`, `size_bytes`, `sha256` and `received_bytes` are what this moves.
        counted: returns what else of a row moves with every piece.
        ended: returns what else of it moves with its end; None is no error, the file is whole and true.
    """

    def __init__(
        self,
        rows: type[Row],
        folder: str,
        *,
        counted: Callable[[], Mapping[str, Any]],
        ended: Callable[[Row, blobs.WrongBytes | None], Mapping[str, Any]],
    ) -> None:
        self._rows: type[Row] = rows
        self._name = folder
        self._also_counted = counted
        self._also_ended: Callable[[Row, blobs.WrongBytes | None], Mapping[str, Any]] = ended

    @property
    def folder(self) -> Path:
        folder: Path = settings.MUSTER_DATA_DIR / self._name
        return folder

    def path(self, row_id: UUID) -> Path:
        """Return where the bytes of a row lie until they have a name."""
        return self.folder / f"{row_id}.part"

    def append(self, row_id: UUID, *, offset: int, data: bytes) -> Row:
        """Store the next piece durably and return the row as it is then; after the last one, complete it.

        Sending nothing at the end of a whole file completes it where a crash has prevented that.

        Raises:
            WrongOffset: the piece does not begin where the last one ended.
            TooMuch: it goes beyond the announced size; nothing of it was stored.
            WrongHash: it was the last one, and the file has another hash than announced.
            DiskFull: nothing of it was counted; it may be sent again.
        """
        with transaction.atomic():
            row = self._rows.objects.select_for_update(no_key=True).get(pk=row_id)
            have = self.have(row)
            fits = offset == have
            if fits and data:
                if offset + len(data) > row.size_bytes:
                    raise TooMuch
                self._write(row, offset, data)
                have += len(data)
            if have != row.received_bytes:
                self._move(row, received_bytes=have, **self._also_counted())
        if not fits:
            raise WrongOffset(have)
        row = self.finish(row_id) or row
        if row.state == row.State.REFUSED:
            raise WrongHash
        return row

    def finish(self, row_id: UUID, *, skip_locked: bool = False) -> Row | None:
        """Name a whole file by its hash, or refuse it; None where there is nothing to do."""
        with transaction.atomic():
            whole = self._whole().select_for_update(no_key=True, skip_locked=skip_locked)
            row = whole.filter(pk=row_id).first()
            if row is None or self.have(row) < row.size_bytes:
                return None
            wrong = self._keep(row)
            state = row.State.COMPLETE if wrong is None else row.State.REFUSED
            self._move(row, state=state, **self._also_ended(row, wrong))
            self.forget(row_id)
        return row

    def finish_all(self) -> None:
        """Complete what crashes have left whole but unnamed; what finds no room on the disk waits."""
        for row_id in list(self._whole().values_list("pk", flat=True)):
            try:
                self.finish(row_id, skip_locked=True)
            except DiskFull:
                log.warning("parts.disk_full", folder=self._name, id=str(row_id))

    def have(self, row: Row) -> int:
        """Return how far a file has come; less than its row says only where it was lost under it."""
        if row.state != row.State.OPEN:
            return row.received_bytes
        path = self.path(row.pk)
        return min(row.received_bytes, path.stat().st_size if path.exists() else 0)

    def forget(self, row_id: UUID) -> None:
        """Remove a row's file after the commit; what a crash leaves here is swept up later."""
        transaction.on_commit(lambda: self.path(row_id).unlink(missing_ok=True))

    def sweep(self) -> None:
        """Remove files of rows that are not open, an hour after the last byte."""
        oldest = time.time() - blobs.LEFT_BEHIND.total_seconds()
        open_ = self._rows.objects.filter(state=self._rows.State.OPEN)
        wanted = {f"{row_id}.part" for row_id in open_.values_list("pk", flat=True)}
        for path in self.folder.glob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                if path.name not in wanted and path.stat().st_mtime < oldest:
                    path.unlink()

    def _whole(self) -> Any:
        return self._rows.objects.filter(state=self._rows.State.OPEN, received_bytes=F("size_bytes"))

    def _move(self, row: Row, **changes: Any) -> None:
        """Change a locked row, and the object with it."""
        self._rows.objects.filter(pk=row.pk, state=row.state, received_bytes=row.received_bytes).update(**changes)
        for name, value in changes.items():
            setattr(row, name, value)

    def _keep(self, row: Row) -> blobs.WrongBytes | None:
        """Give a whole file its name, and return what is wrong with it."""
        try:
            blobs.store().put_file(self.path(row.pk), expected=row.sha256)
        except blobs.WrongBytes as error:
            return error
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull from error
            raise
        return None

    def _write(self, row: Row, offset: int, data: bytes) -> None:
        check_room(len(data))
        path = self.path(row.pk)
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
        if offset == 0:  # the file is new, and its folder may be
            blobs.sync_folder(path.parent)
            blobs.sync_folder(path.parent.parent)
