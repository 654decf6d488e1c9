from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from fleet.trust.core.roles import Role
from fleet.trust.models.site import Site
from muster.ids import uuid7

ROLE_LABELS = [
    (Role.VIEWER.value, _("Viewer")),
    (Role.OPERATOR.value, _("Operator")),
    (Role.ADMINISTRATOR.value, _("Administrator")),
]


class Grant(models.Model):
    """A role of a person at a site and everything below it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grants")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=16, choices=ROLE_LABELS)

    SITE_LOOKUP = "site__"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "site"], name="grant_one_per_user_and_site"),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="grant_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role} {self.site}"
