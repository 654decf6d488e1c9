from django.db import models
from django.db.models.functions import Now

from fleet.registry.models.node import Node
from muster.wire.targets import Reason, ReportState


class NodeReport(models.Model):
    """What a node last said, signed, of its target and of what it runs; one row a node.

    Written by the gateway that owns the socket; an older connection or an earlier number changes nothing.
    """

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="report")
    epoch = models.BigIntegerField()  # of the connection
    boot = models.UUIDField()
    number = models.BigIntegerField()
    release_epoch = models.BigIntegerField(null=True)  # generation of the accepted target
    counter = models.BigIntegerField(null=True)
    serving_release_epoch = models.BigIntegerField(null=True)  # generation of what runs
    serving_counter = models.BigIntegerField(null=True)
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    # Whether the running process holds other weights than were published, by its hashes or its own word.
    live_mismatch = models.BooleanField(default=False)
    # The newest generation that the node has ever reported as active.
    active_release_epoch = models.BigIntegerField(null=True)
    active_counter = models.BigIntegerField(null=True)
    shards = models.JSONField(default=list)  # [{key, state, have_bytes}, …] of the accepted target
    at = models.DateTimeField()  # as the device says
    reported_at = models.DateTimeField(db_default=Now())  # as the server received it
    changed_at = models.DateTimeField(db_default=Now())  # when anything but the time was last another

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[state.value for state in ReportState]), name="report_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=[reason.value for reason in Reason]), name="report_reason_known"
            ),
        ]


class RunningShard(models.Model):
    """A shard in a node's running process, as its last signed report proves it."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="running")
    shard = models.BigIntegerField(db_index=True)  # Artifact.key; what a device says is not bound to exist
    weights_sha256 = models.CharField(max_length=64)  # computed from the live tensors
    verified_at = models.DateTimeField()
    since = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "shard"], name="running_once_per_node")]
