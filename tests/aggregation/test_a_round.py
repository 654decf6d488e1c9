"""A round from the invitation to new weights, each member simulated by what the gateway would store."""

import numpy as np
import pytest

from aggregation.models import Contribution
from fleet.registry.core.version_states import Origin
from fleet.registry.services import blobs
from fleet.trust.models import Event
from muster.tensors import safetensors
from tests.aggregation.members import drive, submit, task_of

pytestmark = pytest.mark.django_db


def tensors(sha256: str) -> dict[str, np.ndarray]:
    mapped = blobs.store().open_mapped(sha256)
    header = safetensors.read_header(mapped)
    return {
        one.name: np.frombuffer(bytes(one.data), np.float32).reshape(one.shape)
        for one in safetensors.weights(mapped, header)
    }


def test_a_round_ends_as_a_new_version_with_its_lineage(make_job, nodes, version):
    job = make_job()

    drive(job, lambda: [submit(node, task_of(node)) for node in nodes])

    round = job.rounds.get()
    assert (job.state, round.state, round.attempts) == ("done", "published", 1)
    made = round.result_version
    assert (made.origin, made.state, made.parent, made.number) == (Origin.TRAINED, "published", version, 2)
    assert made.metrics == round.metrics
    assert 0 <= round.metrics["all"]["accuracy"] <= 1_000_000
    assert job.best_version == made
    assert {row.node for row in Contribution.objects.filter(round=round, version=made)} == set(nodes)
    assert set(round.members.values_list("state", flat=True)) == {"accepted"}
    verbs = list(Event.objects.filter(actor_label="learning").order_by("at", "id").values_list("verb", flat=True))
    assert verbs == ["round.opened", "round.closed", "version.published", "round.published", "job.done"]
