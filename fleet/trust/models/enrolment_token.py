from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from fleet.trust.models.site import Site
from muster.ids import uuid7


class Tier(models.TextChoices):
    TERMINAL = "terminal", _("Terminal")
    EDGE = "edge", _("Edge")
    CLOUD = "cloud", _("Cloud")


class EnrolmentToken(models.Model):
    """Permission for a counted number of devices to enrol at a site and tier, for at most an hour.

    Only the SHA-256 of the token is kept; the token itself is shown once.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sha256 = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=8)  # first characters, to tell tokens apart on the page
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="enrolment_tokens")
    tier = models.CharField(max_length=16, choices=Tier)
    auto_approve = models.BooleanField(default=False)
    max_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    SITE_LOOKUP = "site__"

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(uses__lte=models.F("max_uses")), name="token_uses_counted"),
            models.CheckConstraint(condition=models.Q(tier__in=Tier.values), name="token_tier_known"),
        ]

    def __str__(self) -> str:
        return f"{self.hint}…"
