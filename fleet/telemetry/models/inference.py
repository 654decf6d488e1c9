from django.db import models


class Inference(models.Model):
    """What one shard of a node answered between two readings. Partitioned by hour of `at`, as `Sample` is.

    Times are int64 microseconds UTC. No foreign keys: rows arrive by COPY and leave by dropped partition.
    """

    pk = models.CompositePrimaryKey("node", "at", "seq", "shard")
    node = models.BigIntegerField()  # Node.key
    at = models.BigIntegerField()
    received_at = models.BigIntegerField()
    stream = models.BigIntegerField()  # Stream.id
    seq = models.BigIntegerField()
    shard = models.BigIntegerField()  # Artifact.key; what a device says is not bound to exist
    requests = models.IntegerField()
    errors = models.IntegerField()
    total_us = models.BigIntegerField()  # of all requests that were answered
    least_us = models.IntegerField()
    most_us = models.IntegerField()
    local = models.BooleanField()  # the inputs were the device's own, and no stand-ins for another tier's tensors

    class Meta:
        managed = False
        db_table = "telemetry_inference"
