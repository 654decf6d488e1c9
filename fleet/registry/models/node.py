from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from fleet.registry.core.node_states import NodeState
from fleet.trust.models import EnrolmentToken, Site
from fleet.trust.models.enrolment_token import Tier
from muster.ids import uuid7

STATE_LABELS = [
    (NodeState.PENDING.value, _("Waiting for approval")),
    (NodeState.ACTIVE.value, _("Active")),
    (NodeState.QUARANTINED.value, _("Quarantined")),
    (NodeState.RETIRED.value, _("Retired")),
]


class Node(models.Model):
    """A device at a site, on a tier, known by the identity key it made itself.

    `key` is the short number that telemetry rows carry; `uid` is the public
    identifier. How the node is right now is in its `Presence`.
    """

    key = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="nodes")
    name = models.CharField(max_length=63)
    tier = models.CharField(max_length=16, choices=Tier)
    device_type = models.CharField(max_length=63, blank=True)
    state = models.CharField(max_length=16, choices=STATE_LABELS, default=NodeState.PENDING.value)
    state_since = models.DateTimeField(db_default=Now())
    public_key = models.BinaryField(max_length=32, unique=True)  # raw Ed25519
    fingerprint = models.CharField(max_length=71, unique=True)  # "sha256:" + 64 hexadecimal digits
    inventory = models.JSONField(default=dict)  # what the device said of itself, see muster/wire/enrolment.py
    # Of the inventory: what its health is judged by.
    memory_bytes = models.BigIntegerField(null=True)
    cpu_cores = models.PositiveIntegerField(null=True)
    agent_version = models.CharField(max_length=32, blank=True)
    token = models.ForeignKey(EnrolmentToken, null=True, on_delete=models.SET_NULL, related_name="nodes")
    enrolled_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    SITE_LOOKUP = "site__"

    class Meta:
        ordering = ["name", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "name"],
                condition=~models.Q(state=NodeState.RETIRED.value),
                name="node_name_once_per_site",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in NodeState]), name="node_state_known"
            ),
            models.CheckConstraint(condition=models.Q(tier__in=Tier.values), name="node_tier_known"),
        ]
        indexes = [models.Index(fields=["site", "tier"], name="node_site_tier")]

    def __str__(self) -> str:
        return self.name
