from django.db import models


class Canary(models.Model):
    """When a worker of a queue last did something: the proof that it consumes, which no process id gives."""

    queue = models.CharField(primary_key=True, max_length=32)
    stamped_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.queue
