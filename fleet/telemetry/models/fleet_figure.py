from django.db import models

from fleet.trust.models import Site


class FleetFigure(models.Model):
    """Figures of one site's own nodes at one moment, written by `pulse` every 10 s and kept for a week."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    nodes = models.IntegerField()
    online = models.IntegerField()
    rtt_p50_us = models.IntegerField(null=True)
    rtt_p95_us = models.IntegerField(null=True)
    inference_nodes = models.IntegerField(default=0)  # nodes that answered something of late
    inference_p50_us = models.IntegerField(null=True)  # over those nodes, of each one's mean time in a component
    inference_p95_us = models.IntegerField(null=True)
    cpu_mean = models.FloatField(null=True)
    memory_used_bytes = models.BigIntegerField(null=True)

    SITE_LOOKUP = "site__"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["at", "site"], name="fleet_figure_once")]
