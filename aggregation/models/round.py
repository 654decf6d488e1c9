from enum import StrEnum

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import pgettext_lazy

from aggregation.core.lifecycle import MemberState, PhaseState, RoundState, Screen, Verdict
from aggregation.models.job import TrainingJob
from fleet.registry.models import ModelVersion, Node
from muster.ids import uuid7
from muster.wire.work import UpdateKind

ROUND_LABELS = [
    (RoundState.PLANNED.value, pgettext_lazy("round", "Planned")),
    (RoundState.OPEN.value, pgettext_lazy("round", "Collecting")),
    (RoundState.AGGREGATING.value, pgettext_lazy("round", "Aggregating")),
    (RoundState.EVALUATING.value, pgettext_lazy("round", "Evaluating")),
    (RoundState.PUBLISHED.value, pgettext_lazy("round", "Published")),
    (RoundState.FAILED.value, pgettext_lazy("round", "Failed")),
]
MEMBER_LABELS = [
    (MemberState.INVITED.value, pgettext_lazy("member", "Invited")),
    (MemberState.TRAINING.value, pgettext_lazy("member", "Training")),
    (MemberState.RECEIVED.value, pgettext_lazy("member", "Received")),
    (MemberState.ACCEPTED.value, pgettext_lazy("member", "Accepted")),
    (MemberState.REFUSED.value, pgettext_lazy("member", "Refused")),
    (MemberState.LATE.value, pgettext_lazy("member", "Late")),
    (MemberState.DROPPED.value, pgettext_lazy("member", "Dropped out")),
]


def known(field: str, values: type[StrEnum], name: str) -> models.CheckConstraint:
    """Return the constraint that a column holds one of an enumeration's values."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": [value.value for value in values]}), name=name)


class Round(models.Model):
    """One cycle: invite, collect, aggregate, evaluate, publish.

    Whoever computes holds the lease (`lease_epoch`, `leased_until`); a result counts only while its epoch is the
    row's. `parts` and the deadlines are fixed when the round opens.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(TrainingJob, on_delete=models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=ROUND_LABELS, default=RoundState.PLANNED.value)
    base_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    result_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    result_sha256 = models.CharField(max_length=64, blank=True)  # the blob of the whole aggregated model
    # Into how many the included data is split, where it is: the active nodes that might be members, online or not.
    parts = models.PositiveIntegerField(default=0)
    metrics = models.JSONField(default=dict)  # on held-out data: "fusion" / "vision" / … → {name: millionths}
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)  # no update counts any more
    finished_at = models.DateTimeField(null=True)
    lease_epoch = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)  # of aggregating and evaluating; finite

    SITE_LOOKUP = "job__model__site__"

    class Meta:
        ordering = ["job", "number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="round_number_once_per_job"),
            known("state", RoundState, "round_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.job} · {self.number}"


class Phase(models.Model):
    """One exchange with the members; its id is the task that they see."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="phases")
    ordinal = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=32)
    update_kind = models.CharField(max_length=16, default=UpdateKind.PLAIN.value)
    state = models.CharField(max_length=16, default=PhaseState.WAITING.value)
    quorum = models.PositiveIntegerField()
    deadline_at = models.DateTimeField(null=True)
    grace_until = models.DateTimeField(null=True)  # set when the quorum is reached

    SITE_LOOKUP = "round__job__model__site__"

    class Meta:
        ordering = ["round", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["round", "ordinal"], name="phase_once_per_round"),
            known("state", PhaseState, "phase_state_known"),
            known("update_kind", UpdateKind, "phase_update_kind_known"),
        ]


class Member(models.Model):
    """A node's part in a round."""

    id = models.BigAutoField(primary_key=True)
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="members")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    index = models.PositiveIntegerField()  # its place among the nodes that might be members, in order of their uids
    state = models.CharField(max_length=16, choices=MEMBER_LABELS, default=MemberState.INVITED.value)
    reason = models.CharField(max_length=32, blank=True)  # WorkReason of a drop-out
    detail = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "node"], name="member_once_per_round"),
            known("state", MemberState, "member_state_known"),
        ]


class Update(models.Model):
    """What a member handed over in a phase, with the verdict of the screening."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="updates")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64)  # its blob
    size_bytes = models.BigIntegerField()
    samples = models.JSONField()  # component → samples
    loss_before = models.FloatField(null=True)
    loss_after = models.FloatField(null=True)
    trained_ms = models.BigIntegerField(default=0)
    norm = models.FloatField(null=True)  # Euclidean, of all differences
    verdict = models.CharField(max_length=16, default=Verdict.PENDING.value)
    reason = models.CharField(max_length=32, blank=True)  # Screen
    detail = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["phase", "node", "attempt"], name="update_once_per_attempt"),
            known("verdict", Verdict, "update_verdict_known"),
            known("reason", Screen, "update_reason_known"),
            known("kind", UpdateKind, "update_kind_known"),
        ]


class Contribution(models.Model):
    """What of a published round came from a node; written in the transaction that publishes."""

    id = models.BigAutoField(primary_key=True)
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="contributions")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="contributions")
    update = models.OneToOneField(Update, on_delete=models.PROTECT, related_name="contribution")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="contributions")
    samples = models.JSONField()  # component → samples that its tensors were weighted by

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "node"], name="contribution_once_per_round")]
