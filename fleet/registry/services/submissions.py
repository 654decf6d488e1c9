"""Takes the updates of nodes in, piece by piece; see `parts` for how a piece becomes durable.

    open ──▶ append, append, … ──▶ complete, or refused because the bytes have another hash
               └─ pruned once the task has left the node's work and nothing has come for an hour

Only tasks of the node's current work are taken. What is complete lies in the blob store and stays,
with its row, for whoever opened the round.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from fleet.registry.models import NodeWork, Submission
from fleet.registry.services import blobs
from fleet.registry.services.parts import Parts, check_room
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, DomainError
from muster.wire.work import Statement


class NoSuchTask(DomainError):
    """The node's current work does not name the task: it was withdrawn, or the node was never asked."""

    code = "no_such_task"
    status = 403
    message = _("This node is not asked for this task, or not any more.")


class NotOpened(DomainError):
    """Nothing was announced under this task and attempt."""

    code = "not_found"
    status = 404
    message = _("No update was announced for this task and attempt.")


class OtherStatement(Conflict):
    """The same task and attempt were announced otherwise, or a later attempt was."""

    code = "other_statement"
    message = _("Another update was announced for this task and attempt.")


class TooLarge(DomainError):
    """The update is larger than this server takes."""

    code = "too_large"
    status = 413
    message = _("The update is larger than this server takes.")


def open(*, node_key: int, statement: Statement, signature: bytes) -> Submission:
    """Announce an update, or find it again; the node's signature of the statement was verified by the caller.

    A later attempt drops what has come of an earlier one that is not complete.

    Raises:
        NoSuchTask: it is not in the node's current work.
        OtherStatement: this attempt was announced with other words, or a later one exists.
        TooLarge: beyond the largest size; DiskFull: it would not fit.
    """
    task = uuid.UUID(statement.task)
    _require_task(node_key, task)
    said = msgspec.to_builtins(statement)
    known = Submission.objects.filter(node=node_key, task=task, attempt=statement.attempt)
    submission = known.first()
    if submission is None:
        if statement.size_bytes > settings.MUSTER_MAX_ARTIFACT_BYTES:
            raise TooLarge
        check_room(2 * statement.size_bytes)  # the bytes as they come, and their copy in the store
        _create(node_key, task, said, signature)
        submission = known.first()
    if submission is None or submission.statement != said:
        raise OtherStatement
    return PARTS.finish(submission.pk) or submission


def find(*, node_key: int, task: uuid.UUID, attempt: int) -> Submission:
    """Return what has come of an update.

    Raises:
        NoSuchTask: the task is not in the node's current work.
        NotOpened: it was never announced.
    """
    _require_task(node_key, task)
    submission = Submission.objects.filter(node=node_key, task=task, attempt=attempt).first()
    if submission is None:
        raise NotOpened
    submission.received_bytes = PARTS.have(submission)
    return submission


def append(*, node_key: int, task: uuid.UUID, attempt: int, offset: int, data: bytes) -> Submission:
    """Store the next piece durably and return the submission as it is then; after the last one, complete it.

    Raises:
        NoSuchTask, NotOpened: as `find` does.
        WrongOffset, TooMuch, WrongHash, DiskFull: as `Parts.append` does.
    """
    submission = find(node_key=node_key, task=task, attempt=attempt)
    try:
        return PARTS.append(submission.pk, offset=offset, data=data)
    except Submission.DoesNotExist as error:  # a later attempt took its place meanwhile
        raise NotOpened from error


def reconcile() -> None:
    """Complete what a crash has left whole, drop what can no longer be completed; twice changes nothing."""
    PARTS.finish_all()
    for submission_id in list(_withdrawn().values_list("pk", flat=True)):
        _drop(submission_id)
    PARTS.sweep()


def _require_task(node_key: int, task: uuid.UUID) -> None:
    if not NodeWork.objects.filter(node=node_key, tasks__contains=[task]).exists():
        raise NoSuchTask


def _create(node_key: int, task: uuid.UUID, said: dict[str, Any], signature: bytes) -> None:
    """Store a new attempt, unless another request was faster or a later attempt exists."""
    with transaction.atomic():
        others = list(Submission.objects.select_for_update().filter(node=node_key, task=task).order_by("attempt"))
        if any(other.attempt > said["attempt"] for other in others):
            raise OtherStatement
        row = Submission(
            node_id=node_key,
            task=task,
            attempt=said["attempt"],
            kind=said["kind"],
            statement=said,
            signature_value=signature,
            sha256=said["sha256"],
            size_bytes=said["size_bytes"],
        )
        Submission.objects.bulk_create([row], ignore_conflicts=True)
        for other in others:
            if other.state == Submission.State.OPEN and other.attempt < said["attempt"]:
                other_id = other.pk
                other.delete()
                PARTS.forget(other_id)


def _withdrawn() -> Any:
    """Return what is open, or was refused, an hour ago, for a task that its node is no longer asked for."""
    asked = NodeWork.objects.filter(node=OuterRef("node"), tasks__contains=[OuterRef("task")])
    states = (Submission.State.OPEN, Submission.State.REFUSED)
    old = timezone.now() - blobs.LEFT_BEHIND
    return Submission.objects.filter(~Exists(asked), state__in=states, opened_at__lt=old)


def _drop(submission_id: uuid.UUID) -> None:
    """Forget a withdrawn submission unless a piece came within the hour: its task may be named again."""
    path = PARTS.path(submission_id)
    if path.exists() and path.stat().st_mtime > time.time() - blobs.LEFT_BEHIND.total_seconds():
        return
    with transaction.atomic():
        submission = _withdrawn().select_for_update(skip_locked=True).filter(pk=submission_id).first()
        if submission is not None:
            path.unlink(missing_ok=True)
            submission.delete()


def _ended(submission: Submission, wrong: blobs.WrongBytes | None) -> Mapping[str, Any]:
    if wrong is None:
        return {"completed_at": timezone.now()}
    node = submission.node
    events.record(
        "submission.refused",
        actor=Actor.node(node.uid, node.name),
        target_kind="node",
        target_id=node.uid,
        target_label=node.name,
        site=node.site,
        after={"task": str(submission.task), "attempt": submission.attempt, "announced": submission.sha256},
        reason=str(wrong),
    )
    return {}


PARTS = Parts(Submission, "submissions", counted=dict, ended=_ended)
