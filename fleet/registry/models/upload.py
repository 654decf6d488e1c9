from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from fleet.trust.models import Site
from muster.ids import uuid7


class Upload(models.Model):
    """A file on its way in, resumable by offset; what is counted in `received_bytes` is on disk."""

    class State(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"  # all bytes are here and have the announced hash; the file is in the blob store
        REFUSED = "refused"  # the bytes have another hash

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")  # the tenant it is for
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)  # announced before the first byte
    received_bytes = models.BigIntegerField(default=0)
    refusal = models.CharField(max_length=200, blank=True)  # why it was refused, in English
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    SITE_LOOKUP = "site__"

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(received_bytes__lte=models.F("size_bytes")), name="upload_fits"),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "complete", "refused"]), name="upload_state_known"
            ),
        ]
