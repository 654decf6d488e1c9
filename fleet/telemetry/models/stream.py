from django.db import models

from fleet.registry.models import Node


class Stream(models.Model):
    """The numbered frames of one boot of one node's agent, and how far they are stored.

    The writer locks the row, drops sequences up to `acked_seq`, copies the rest and
    advances in one transaction, only where `epoch` is still its connection's own.
    """

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="streams")
    boot = models.UUIDField()
    epoch = models.BigIntegerField()
    acked_seq = models.BigIntegerField(default=0)
    refused_samples = models.BigIntegerField(default=0)  # outside the kept window, told to the device in the Ack
    dropped_frames = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(auto_now_add=True)
    # Since when the node's connections name it no more: its device holds no frame of it.
    left_out_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "boot"], name="stream_once_per_boot")]
        indexes = [
            models.Index(fields=["left_out_at"], condition=models.Q(left_out_at__isnull=False), name="stream_left_out")
        ]
