from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from muster.ids import uuid7


class User(AbstractUser):
    """A person, with how they want to see the pages. What they may do is in their grants."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("Follow the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    class Density(models.TextChoices):
        COMFORTABLE = "comfortable", _("Comfortable")
        COMPACT = "compact", _("Compact")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    language = models.CharField(max_length=16, default="", blank=True)  # empty: what the browser asks for
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.SYSTEM)
    density = models.CharField(max_length=16, choices=Density, default=Density.COMFORTABLE)
    shortcuts = models.BooleanField(default=True)  # single-key shortcuts

    # The grants as (site path, role), once `fleet/trust/access.py` has read them for this object.
    held: list[tuple[str, str]] | None = None
