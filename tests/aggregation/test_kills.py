"""A worker that is killed anywhere leaves a round that the next one computes to the same bytes (I3)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from aggregation.models import Contribution, Round
from aggregation.services import compute, leases, verifying
from fleet.registry.core.version_states import Origin
from fleet.registry.models import ModelVersion
from fleet.registry.services import blobs, models, versions
from fleet.telemetry.services.database import conninfo
from fleet.trust.models import Event, Site
from tests.aggregation.members import look, settle, submit, task_of
from tests.conftest import TESTS

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]

COMPUTE = """
import sys, uuid
import django
django.setup()
import torch
torch.set_num_threads(1)
from aggregation.services import compute
compute.run(uuid.UUID(sys.argv[1]))
"""


@pytest.fixture
def model():
    """As elsewhere, without the fixtures that stay over a test's transaction."""
    site = Site.objects.filter(path="north/").first() or Site.objects.create(slug="north", name="North", path="north/")
    return models.create(actor=TESTS, site=site, name="numbers", workload="digits")


@pytest.fixture
def version(model) -> ModelVersion:
    made = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=1, wake=False)
    return versions.publish(made.pk)


@pytest.fixture
def closed(make_job, nodes) -> Round:
    """A round that waits for its computation."""
    job = make_job()
    settle()
    for node in nodes:
        submit(node, task_of(node))
    settle()
    return job.rounds.get()


def compute_in_a_process(round: Round, failpoint: str = "") -> int:
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "MUSTER_DATABASE_URL": conninfo("muster-round-test"),
        "MUSTER_FAILPOINT": failpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPUTE, str(round.pk)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    return done.returncode


def lease_is_over() -> None:
    """Let the time of the lease pass."""
    Round.objects.exclude(leased_until=None).update(leased_until=timezone.now())


@pytest.mark.parametrize("moment", ["before_aggregate", "after_aggregate", "before_publish", "after_publish"])
def test_a_killed_computation_is_made_good_to_the_same_bytes(closed, nodes, moment, monkeypatch):
    mark = settings.MUSTER_DATA_DIR / f"failpoint-{moment}"
    mark.unlink(missing_ok=True)
    assert compute_in_a_process(closed, moment) == -signal.SIGKILL
    assert mark.exists()
    closed.refresh_from_db()
    published = moment == "after_publish"
    assert closed.state == ("published" if published else "evaluating" if moment == "before_publish" else "aggregating")
    assert ModelVersion.objects.count() == (2 if published else 1)  # nothing by halves
    assert Contribution.objects.count() == (3 if published else 0)
    assert compute.run(closed.pk) is False  # over, or still in the hands of whoever was killed

    lease_is_over()
    monkeypatch.setenv("MUSTER_FAILPOINT", moment)
    compute.run(closed.pk)  # in this process, which lives on: a failpoint fires once

    closed.refresh_from_db()
    assert (closed.state, closed.attempts) == ("published", 1 if published else 2)
    assert ModelVersion.objects.count() == 2
    assert Contribution.objects.count() == 3
    assert Event.objects.filter(verb="round.published").count() == 1
    found = verifying.verify(closed)
    assert found.holds
    assert found.updates == 3
    call_command("verify_round", str(closed.pk))


def test_a_result_with_one_other_bit_is_noticed(closed):
    assert compute.run(closed.pk)
    closed.refresh_from_db()
    path = blobs.store().path(closed.result_sha256)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o640)
    path.write_bytes(data)
    with pytest.raises(CommandError) as refused:
        call_command("verify_round", str(closed.pk))
    assert refused.value.returncode == 2


def test_a_round_whose_computation_is_lost_three_times_is_given_up(closed):
    for attempt in range(1, leases.MOST_ATTEMPTS + 1):
        assert leases.claim(closed.pk) is not None
        look()
        closed.refresh_from_db()
        assert (closed.state, closed.attempts) == ("aggregating", attempt)
        lease_is_over()
    assert leases.claimable() == []
    assert leases.claim(closed.pk) is None
    look()
    closed.refresh_from_db()
    assert closed.failure == "gave_up: 3 attempts; in the last one: the process that computed it ended"


def test_an_error_is_kept_and_tried_again_a_finite_number_of_times(closed, version):
    shard = version.components.first().artifacts.get(is_reference=True)
    path = blobs.store().path(shard.artifact_sha256)
    path.rename(path.with_suffix(".away"))
    try:
        for _ in range(leases.MOST_ATTEMPTS):
            assert compute.run(closed.pk)
            lease_is_over()
        look()
        closed.refresh_from_db()
        assert closed.failure.startswith("gave_up: 3 attempts; in the last one: FileNotFoundError")
    finally:
        path.with_suffix(".away").rename(path)


def test_whoever_lost_the_lease_writes_nothing(closed):
    slow = leases.claim(closed.pk)
    lease_is_over()
    assert compute.run(closed.pk)  # another was faster
    before = (Event.objects.count(), ModelVersion.objects.count())
    with pytest.raises(leases.LeaseLost):
        compute._drive(slow)
    compute._fail(slow, compute.Failed(compute.Failure.NOT_PUBLISHABLE, "too late"))
    assert before == (Event.objects.count(), ModelVersion.objects.count())
    closed.refresh_from_db()
    assert closed.state == "published"
