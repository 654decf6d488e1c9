"""Several reconcilers and workers at the same moment: every move happens once."""

from functools import partial

import pytest

from aggregation.models import Member, Update
from aggregation.services import compute, jobs
from fleet.registry.core.version_states import Origin
from fleet.registry.models import ModelVersion, NodeWork
from fleet.registry.services import models, versions
from fleet.trust.models import Event, Site
from tests.aggregation.conftest import CONFIG
from tests.aggregation.members import look, settle, submit, task_of
from tests.conftest import TESTS
from tests.fleet.registry.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 4


@pytest.fixture
def model():
    site = Site.objects.filter(path="north/").first() or Site.objects.create(slug="north", name="North", path="north/")
    return models.create(actor=TESTS, site=site, name="numbers", workload="digits")


@pytest.fixture
def version(model) -> ModelVersion:
    made = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=1, wake=False)
    return versions.publish(made.pk)


def test_reconcilers_open_and_close_a_round_once(make_job, nodes):
    job = make_job()
    assert at_once(*[look] * MANY) == {"done": MANY}
    settle()
    assert Member.objects.count() == len(nodes) == NodeWork.objects.count()
    for node in nodes:
        submit(node, task_of(node))
    assert at_once(*[look] * MANY) == {"done": MANY}
    settle()
    assert Update.objects.count() == len(nodes)
    assert job.rounds.get().state == "aggregating"
    for verb in ("round.opened", "round.closed"):
        assert Event.objects.filter(verb=verb).count() == 1, verb


def test_of_many_workers_one_computes(make_job, nodes):
    job = make_job()
    settle()
    for node in nodes:
        submit(node, task_of(node))
    settle()
    round = job.rounds.get()
    at_once(*[partial(compute.run, round.pk)] * MANY)
    round.refresh_from_db()
    assert (round.state, round.attempts) == ("published", 1)
    assert ModelVersion.objects.count() == 2


def test_of_two_who_start_a_job_one_is_refused(model, version, nodes):
    start = partial(jobs.create, actor=TESTS, model=model, config=CONFIG)
    assert at_once(start, start, start) == {"done": 1, "job_running": 2}
