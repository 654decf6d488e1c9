from django.db import models

from fleet.registry.models.version import ModelVersion
from muster.ids import uuid7


class Component(models.Model):
    """A part of a version that is placed as one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="components")
    name = models.CharField(max_length=31)
    modality = models.CharField(max_length=31)
    position = models.PositiveSmallIntegerField()  # in the workload's order
    default_tier = models.CharField(max_length=16)

    SITE_LOOKUP = "version__model__site__"

    class Meta:
        ordering = ["version", "position"]
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="component_name_once_per_version")]

    def __str__(self) -> str:
        return self.name
