from django.db import models
from django.db.models.functions import Now

from muster.ids import uuid7


class Site(models.Model):
    """A place in a tree: cloud, region, factory, line. Its root is the tenant that owns all below.

    `path` is the slugs from the root down, each with a slash behind it
    (`north/plant-a/`), so that "this site and all below" is one prefix.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=120)
    path = models.CharField(max_length=1024, unique=True, editable=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    SITE_LOOKUP = ""  # an object that belongs to a site says through which lookup; a site is its own

    class Meta:
        ordering = ["path"]
        constraints = [
            # Without its slash the prefix of a path would reach into a neighbour: plant-a into plant-ab.
            models.CheckConstraint(condition=models.Q(path__endswith="/"), name="site_path_ends_in_slash"),
        ]
        indexes = [models.Index(fields=["path"], name="site_path_prefix", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return self.path.rstrip("/")
