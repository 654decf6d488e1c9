from django.db import models


class Sample(models.Model):
    """One raw reading. The table is partitioned by hour of `at`; migrations and the reconciler own it.

    Times are int64 microseconds UTC. No foreign keys: rows arrive by COPY and leave by dropped partition.
    """

    pk = models.CompositePrimaryKey("node", "at", "seq")
    node = models.BigIntegerField()  # Node.key
    at = models.BigIntegerField()
    received_at = models.BigIntegerField()
    stream = models.BigIntegerField()  # Stream.id
    seq = models.BigIntegerField()
    cpu = models.FloatField(null=True)
    memory_used_bytes = models.BigIntegerField(null=True)
    load1 = models.FloatField(null=True)
    rtt_us = models.IntegerField(null=True)
    temperature_c = models.FloatField(null=True)
    battery = models.FloatField(null=True)

    class Meta:
        managed = False
        db_table = "telemetry_sample"
