from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from fleet.registry.models import Model, ModelVersion
from muster.ids import uuid7


class ShardingPlan(models.Model):
    """Which component of a version runs on which tier, in which variant. Never changes; named by its content's hash.

    `document` is what `plan_sha256` is of: {format, model, manifest_sha256, components: {name: {tier, variant}}}.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="plans")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="plans")
    document = models.JSONField()
    plan_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    SITE_LOOKUP = "model__site__"

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["model", "plan_sha256"], name="plan_once_per_content")]

    def __str__(self) -> str:
        return f"{self.model.name} {self.plan_sha256[:8]}"

    @property
    def components(self) -> dict[str, dict[str, str]]:
        """Return component → {tier, variant}."""
        components: dict[str, dict[str, str]] = self.document["components"]
        return components
