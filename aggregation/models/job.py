from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import pgettext_lazy

from aggregation.core.lifecycle import JobState
from fleet.registry.models import Model, ModelVersion
from fleet.rollouts.models import Rollout
from fleet.trust.models import Site
from muster.ids import uuid7
from muster.wire.work import JobKind

STATE_LABELS = [
    (JobState.RUNNING.value, pgettext_lazy("training job", "Running")),
    (JobState.DONE.value, pgettext_lazy("training job", "Done")),
    (JobState.FAILED.value, pgettext_lazy("training job", "Failed")),
    (JobState.STOPPED.value, pgettext_lazy("training job", "Stopped")),
]


class TrainingJob(models.Model):
    """Some rounds in a row that train one model from one version on.

    `config` holds whole numbers and texts alone, see `aggregation.core.config`; it never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="jobs")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")  # members are the nodes here and below
    base_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    best_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, default=JobKind.HORIZONTAL.value)
    strategy = models.CharField(max_length=32, default="fedavg")
    state = models.CharField(max_length=16, choices=STATE_LABELS, default=JobState.RUNNING.value)
    rounds_planned = models.PositiveIntegerField()
    config = models.JSONField()
    base_metrics = models.JSONField(default=dict)  # of the base on held-out data, as a round's; measured with the first
    failure = models.CharField(max_length=300, blank=True)
    rollout = models.ForeignKey(Rollout, null=True, on_delete=models.SET_NULL, related_name="+")  # its best version's
    push_failure = models.CharField(max_length=300, blank=True)  # why nothing was pushed, where it was wished for
    revision = models.BigIntegerField(default=0)  # raised whenever its pages would show something else
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True)

    SITE_LOOKUP = "model__site__"

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=models.Q(state=JobState.RUNNING.value), name="job_one_running_per_model"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in JobState]), name="job_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in JobKind]), name="job_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {str(self.pk)[-6:]}"
