"""What publishing leaves behind is what targets are compiled from."""

from fleet.registry.core.version_states import Origin
from fleet.registry.models import Artifact
from fleet.registry.services import blobs, models, versions
from tests.conftest import TESTS
from tests.fleet.rollouts.conftest import target_of


def test_a_version_that_was_really_published_is_pushed(care, push, fleet, root):
    model = models.create(actor=TESTS, site=root, name="digits", workload="digits")
    version = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=3)
    versions.publish(version.pk)
    push({"vision": "terminal", "head": "edge"})
    for tier, component, variant in (("terminal", "vision", "light"), ("edge", "head", "full")):
        (placed,) = target_of(fleet[tier]).models
        (shard,) = placed.shards
        artifact = Artifact.objects.get(pk=shard.key)
        assert (shard.component, shard.variant, artifact.component.version) == (component, variant, version)
        assert shard.weights_sha256 == artifact.weights_sha256
        assert blobs.store().size(shard.artifact_sha256) == shard.size_bytes
        assert shard.probe.expected
