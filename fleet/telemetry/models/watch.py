from django.db import models


class Watch(models.Model):
    """When one of those who watch the leases last looked, and since when it has looked without a break."""

    name = models.CharField(primary_key=True, max_length=16)
    looked_at = models.DateTimeField()
    unbroken_since = models.DateTimeField()
