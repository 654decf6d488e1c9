from django.db import models

from fleet.registry.models.component import Component
from muster.ids import uuid7


class Artifact(models.Model):
    """A component's weights in one variant: a safetensors file in the blob store, named by its SHA-256.

    `key` is the short number that telemetry, targets and reports carry. Components of different
    versions with equal bytes share one blob.
    """

    key = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    component = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="artifacts")
    variant = models.CharField(max_length=31)
    is_reference = models.BooleanField(default=False)
    artifact_sha256 = models.CharField(max_length=64, db_index=True)  # of the file's bytes
    weights_sha256 = models.CharField(max_length=64)  # of the tensors, see muster.canon.weights
    size_bytes = models.BigIntegerField()
    parameters = models.BigIntegerField()
    flops = models.BigIntegerField()  # for one sample, forward
    tensors = models.JSONField(default=list)  # [[name, dtype, shape], …] in order of names
    probe = models.JSONField(default=dict)  # see muster.wire.targets.Probe

    SITE_LOOKUP = "component__version__model__site__"

    class Meta:
        ordering = ["component", "key"]
        constraints = [models.UniqueConstraint(fields=["component", "variant"], name="artifact_variant_once")]

    def __str__(self) -> str:
        return f"{self.component.name} ({self.variant})"
