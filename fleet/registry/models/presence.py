from django.db import models

from fleet.registry.models.node import Node


class Presence(models.Model):
    """How a node is right now: its lease and its last figures, written by the gateway that owns its socket.

    A node is online while `expires_at` lies ahead. `liveness` is only the side of
    that edge which was last recorded as an Event; pages derive theirs from the lease.
    No column that moves every second is indexed, so that each write stays a heap-only update.
    """

    class Liveness(models.TextChoices):
        ONLINE = "online"
        OFFLINE = "offline"

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="presence")
    epoch = models.BigIntegerField(default=0)  # fences an older connection
    connected_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)  # server time of the last stored frame of the live boot
    expires_at = models.DateTimeField(null=True)
    sampled_at = models.DateTimeField(null=True)  # time of the reading that the figures below are from
    cpu = models.FloatField(null=True)  # share of all cores, 0 to 1
    memory_used_bytes = models.BigIntegerField(null=True)
    load1 = models.FloatField(null=True)
    rtt_us = models.IntegerField(null=True)
    temperature_c = models.FloatField(null=True)
    battery = models.FloatField(null=True)  # charge, 0 to 1
    inference_at = models.DateTimeField(null=True)  # time of the reading whose requests the next figure is from
    inference_us = models.IntegerField(null=True)  # mean time in a component, over the requests of all components
    waiting_frames = models.IntegerField(default=0)  # still spooled on the device
    dropped_frames = models.BigIntegerField(default=0)  # lost by a full spool, this boot
    liveness = models.CharField(max_length=8, choices=Liveness, default=Liveness.OFFLINE)
    liveness_since = models.DateTimeField(null=True)

    SITE_LOOKUP = "node__site__"
