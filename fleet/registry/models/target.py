from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fleet.registry.models.node import Node


class NodeTarget(models.Model):
    """What a node shall run: the newest signed document for it, one row a node.

    A generation is (release_epoch, counter) and only grows; the gateway sends a connected node
    whatever is newer than what it has sent.
    """

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="target")
    release_epoch = models.BigIntegerField()
    counter = models.BigIntegerField()
    document = models.BinaryField()  # canonical JSON of muster.wire.targets.NodeTarget
    content_sha256 = models.CharField(max_length=64)  # of its models alone: equal content needs no new generation
    signature_algorithm = models.CharField(max_length=32)
    signature_key_id = models.CharField(max_length=80)
    signature_value = models.BinaryField()
    # What the document names, for the gateway's question whether this node may fetch an artifact …
    artifacts = ArrayField(models.CharField(max_length=64), default=list)
    # … and for comparing with what runs: keys of registry_artifact.
    shards = ArrayField(models.BigIntegerField(), default=list)
    issued_at = models.DateTimeField(db_default=Now())

    SITE_LOOKUP = "node__site__"
