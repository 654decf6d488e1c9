from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from fleet.registry.core.version_states import Origin, VersionState
from fleet.registry.models.model import Model
from muster.ids import uuid7

STATE_LABELS = [
    (VersionState.CHECKING.value, pgettext_lazy("model version", "Being checked")),
    (VersionState.PUBLISHED.value, pgettext_lazy("model version", "Published")),
    (VersionState.REFUSED.value, pgettext_lazy("model version", "Refused")),
]
ORIGIN_LABELS = [
    (Origin.INITIAL.value, _("Untrained, drawn from a seed")),
    (Origin.UPLOADED.value, _("Uploaded weights")),
    (Origin.TRAINED.value, _("Federated training")),
]


class ModelVersion(models.Model):
    """One set of weights of a model. Once published it never changes; its manifest hash names all of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()  # 1, 2, 3 … within the model
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    origin = models.CharField(max_length=16, choices=ORIGIN_LABELS)
    state = models.CharField(max_length=16, choices=STATE_LABELS, default=VersionState.CHECKING.value)
    refusal = models.CharField(max_length=400, blank=True)  # why it was refused, in English
    refusal_code = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # begun to check it; a lost one leaves no other trace
    seed = models.BigIntegerField(null=True)  # of an initial version
    source_sha256 = models.CharField(max_length=64, blank=True)  # the blob that an uploaded version is made from
    workload_version = models.PositiveIntegerField()
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    metrics = models.JSONField(default=dict)  # measured on held-out data: name → value
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(null=True)

    SITE_LOOKUP = "model__site__"

    class Meta:
        ordering = ["model__name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="version_number_once_per_model"),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in VersionState]), name="version_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(origin__in=[origin.value for origin in Origin]), name="version_origin_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=VersionState.PUBLISHED.value)
                | (models.Q(published_at__isnull=False) & ~models.Q(manifest_sha256="")),
                name="version_published_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {self.number}"
