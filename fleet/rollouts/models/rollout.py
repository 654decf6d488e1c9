from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import pgettext_lazy

from fleet.registry.models import Model, Node
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models.plan import ShardingPlan
from muster.ids import uuid7

ROLLOUT_LABELS = [
    (RolloutState.RUNNING.value, pgettext_lazy("rollout", "Running")),
    (RolloutState.DONE.value, pgettext_lazy("rollout", "Done")),
    (RolloutState.SUPERSEDED.value, pgettext_lazy("rollout", "Superseded")),
]
ASSIGNMENT_LABELS = [
    (AssignmentState.PENDING.value, pgettext_lazy("assignment", "Waiting")),
    (AssignmentState.DOWNLOADING.value, pgettext_lazy("assignment", "Downloading")),
    (AssignmentState.STAGED.value, pgettext_lazy("assignment", "Loaded")),
    (AssignmentState.PROBED.value, pgettext_lazy("assignment", "Probed")),
    (AssignmentState.ACTIVE.value, pgettext_lazy("assignment", "Running it")),
    (AssignmentState.FAILED.value, pgettext_lazy("assignment", "Failed")),
    (AssignmentState.DEFERRED.value, pgettext_lazy("assignment", "Offline, catches up")),
    (AssignmentState.SUPERSEDED.value, pgettext_lazy("assignment", "Superseded")),
]


class Rollout(models.Model):
    """One push of a plan. The current one of a model is what its nodes' targets are compiled from."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="rollouts")
    plan = models.ForeignKey(ShardingPlan, on_delete=models.PROTECT, related_name="rollouts")
    previous = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=16, choices=ROLLOUT_LABELS, default=RolloutState.RUNNING.value)
    reason = models.CharField(max_length=400, blank=True)  # why it was pushed
    revision = models.BigIntegerField(default=0)  # raised whenever its page would show something else
    heard_at = models.DateTimeField(null=True)  # newest change of a report of its nodes that `revision` has counted
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True)

    SITE_LOOKUP = "model__site__"

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model"],
                condition=~models.Q(state=RolloutState.SUPERSEDED.value),
                name="rollout_one_current_per_model",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in RolloutState]), name="rollout_state_known"
            ),
        ]

    @property
    def is_current(self) -> bool:
        return self.state != RolloutState.SUPERSEDED


class Assignment(models.Model):
    """One node's part in a rollout, as the reconciler last saw it."""

    id = models.BigAutoField(primary_key=True)
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="assignments")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="assignments")
    state = models.CharField(max_length=16, choices=ASSIGNMENT_LABELS, default=AssignmentState.PENDING.value)
    reason = models.CharField(max_length=32, blank=True)  # muster.wire.targets.Reason
    release_epoch = models.BigIntegerField()  # generation of the first target that carried the plan to the node
    counter = models.BigIntegerField()
    since = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rollout", "node"], name="assignment_once_per_node"),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in AssignmentState]), name="assignment_state_known"
            ),
        ]
