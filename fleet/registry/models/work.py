from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fleet.registry.models.node import Node
from muster.ids import uuid7
from muster.wire.work import UpdateKind, WorkReason, WorkState


class NodeWork(models.Model):
    """What a node shall train: the newest signed document for it, one row a node."""

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="work")
    counter = models.BigIntegerField()
    document = models.BinaryField()  # canonical JSON of muster.wire.work.NodeWork
    signature_algorithm = models.CharField(max_length=32)
    signature_key_id = models.CharField(max_length=80)
    signature_value = models.BinaryField()
    # What the document names, for the gateway's questions what this node may fetch and hand over.
    artifacts = ArrayField(models.CharField(max_length=64), default=list)
    tasks = ArrayField(models.UUIDField(), default=list)
    issued_at = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"


class WorkProgress(models.Model):
    """How far a node says it has come with one task; shown on pages; only that a node gives up counts."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="work_progress")
    task = models.UUIDField()
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    at = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "node"], name="work_progress_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in WorkState]), name="work_progress_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=[reason.value for reason in WorkReason]),
                name="work_progress_reason_known",
            ),
        ]


class Submission(models.Model):
    """A node's update on its way in, resumable by offset; what is counted in `received_bytes` is on disk."""

    class State(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"  # every byte is in the blob store under `sha256`
        REFUSED = "refused"  # the bytes have another hash than the statement says

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="submissions")
    task = models.UUIDField()
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    statement = models.JSONField()  # muster.wire.work.Statement as the node signed it
    signature_value = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    received_bytes = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "node", "attempt"], name="submission_once_per_attempt"),
            models.CheckConstraint(
                condition=models.Q(received_bytes__lte=models.F("size_bytes")), name="submission_fits"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "complete", "refused"]), name="submission_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in UpdateKind]), name="submission_kind_known"
            ),
        ]
