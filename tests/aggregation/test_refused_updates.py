"""What an update must be to count; the verdict is stored with the reason, and the others go on without it."""

import numpy as np
import pytest

from aggregation.models import Update
from aggregation.services import compute
from fleet.registry.services import blobs
from tests.aggregation.members import SAMPLES, delta, look, settle, submit, task_of

pytestmark = pytest.mark.django_db


def poisoned(node):
    made = delta(node, task_of(node))
    name = sorted(made)[0]
    made[name] = made[name].copy()
    made[name].reshape(-1)[0] = np.nan
    return {"tensors": made}


def reshaped(node):
    made = delta(node, task_of(node))
    name = sorted(made)[0]
    return {"tensors": made | {name: made[name].reshape(1, -1)}}


def retyped(node):
    made = delta(node, task_of(node))
    name = sorted(made)[0]
    return {"tensors": made | {name: made[name].astype(np.float64)}}


CASES = {
    "not_finite": poisoned,
    "wrong_shape": reshaped,
    "wrong_dtype": retyped,
    "extra_tensor": lambda node: {"tensors": delta(node, task_of(node)) | {"vision.more": np.zeros(3, np.float32)}},
    "missing_tensor": lambda node: {"tensors": dict(list(delta(node, task_of(node)).items())[1:])},
    "norm": lambda node: {"tensors": {k: 1e6 * v for k, v in delta(node, task_of(node)).items()}},
    "malformed": lambda node: {"data": b"no safetensors at all"},
    "no_samples": lambda node: {"samples": {"vision": 0, "head": 0}},
    "untrained": lambda node: {"tensors": delta(node, task_of(node)), "samples": {"vision": 40}},
    "kind": lambda node: {"kind": "masked"},
}


@pytest.mark.parametrize("reason", CASES)
def test_an_update_is_refused_with_the_reason_and_the_round_goes_on(make_job, nodes, reason):
    job = make_job()
    settle()
    bad, *good = nodes
    submit(bad, task_of(bad), **CASES[reason](bad))
    for node in good:
        submit(node, task_of(node))
    settle()
    compute.run_all()
    round = job.rounds.get()
    assert round.state == "published"
    update = Update.objects.get(node=bad)
    assert (update.verdict, update.reason) == ("refused", reason)
    assert update.detail
    assert round.members.get(node=bad).state == "refused"
    assert set(round.contributions.values_list("node", flat=True)) == {node.pk for node in good}
    assert all(norm > 0 for norm in Update.objects.exclude(node=bad).values_list("norm", flat=True))


def test_a_round_whose_quorum_is_lost_by_refusals_fails_with_the_reason(make_job, nodes):
    job = make_job(quorum=3)
    settle()
    for number, node in enumerate(nodes):
        submit(node, task_of(node), **(poisoned(node) if number else {}))
    settle()
    compute.run_all()
    round = job.rounds.get()
    assert (round.state, round.failure) == ("failed", "quorum_lost: 1 of 3 updates were accepted; the quorum is 3")
    assert sorted(round.members.values_list("state", flat=True)) == ["accepted", "refused", "refused"]
    assert not round.contributions.exists()
    look()
    job.refresh_from_db()
    assert job.state == "failed"


def test_a_stored_update_that_has_rotted_does_not_count(make_job, nodes):
    job = make_job()
    settle()
    submitted = [submit(node, task_of(node)) for node in nodes]
    path = blobs.store().path(submitted[0].sha256)
    path.chmod(0o640)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    settle()
    compute.run_all()
    assert Update.objects.get(node=nodes[0]).reason == "malformed"
    assert job.rounds.get().state == "published"


def test_a_member_that_lacks_a_modality_counts_for_what_it_has(make_job, nodes):
    job = make_job()
    settle()
    for node in nodes[:2]:
        submit(node, task_of(node))
    submit(nodes[2], task_of(nodes[2]), samples={"head": 70})
    settle()
    compute.run_all()
    assert job.rounds.get().contributions.get(node=nodes[2]).samples == {"head": 70}
    assert job.rounds.get().contributions.get(node=nodes[0]).samples == SAMPLES
