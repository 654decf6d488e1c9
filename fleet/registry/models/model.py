from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from fleet.trust.models import Site
from muster.ids import uuid7


class Model(models.Model):
    """A model that nodes run: a name at a tenant, and the workload that says what it is made of."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="models")  # a root: the tenant
    name = models.SlugField(max_length=63)
    workload = models.CharField(max_length=31)  # name in the catalogue of workloads
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    SITE_LOOKUP = "site__"

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="model_name_once_per_tenant")]

    def __str__(self) -> str:
        return self.name
