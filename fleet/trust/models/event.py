from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from fleet.trust.models.site import Site
from muster.ids import uuid7


class Event(models.Model):
    """Something that happened: who, what, to what, before and after, why, from where.

    Written in the transaction of the move it records; never changed afterwards.
    """

    class Actor(models.TextChoices):
        USER = "user"
        NODE = "node"
        SYSTEM = "system"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    verb = models.CharField(max_length=64)  # `<entity>.<past participle>`: node.approved
    actor_kind = models.CharField(max_length=8, choices=Actor)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_label = models.CharField(max_length=150)
    site = models.ForeignKey(Site, null=True, on_delete=models.SET_NULL, related_name="+")
    target_kind = models.CharField(max_length=32)
    target_id = models.UUIDField(null=True)
    target_label = models.CharField(max_length=150)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=400, blank=True)
    address = models.GenericIPAddressField(null=True)

    SITE_LOOKUP = "site__"

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["site", "-at"], name="event_site_at"),
            models.Index(fields=["target_id", "-at"], name="event_target_at"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_label}"
