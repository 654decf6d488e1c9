"""Pages of training ask as many questions of the database however much there is to show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.aggregation.history import finished_job
from tests.published import make_version

pytestmark = pytest.mark.django_db

# Session, person, grants and the shell's count are five of them.
BUDGETS = {"rounds": 11, "job": 11, "round": 12, "version-origin": 10, "job-figure": 7, "job-new": 18}
POINT = {"all": 0.8, "motion": 0.6}


@pytest.fixture
def queries(client, administrator):
    client.force_login(administrator)

    def count(name, *arguments):
        with CaptureQueriesContext(connection) as seen:
            assert client.get(reverse(name, args=arguments)).status_code == 200
        return len(seen)

    return count


def test_more_jobs_are_no_more_queries(queries, root, pin, make_node):
    nodes = [make_node(online=True) for _ in range(3)]
    finished_job(make_version(root), nodes, [POINT])
    few = queries("rounds")
    for number in range(4):
        finished_job(make_version(root, model=f"model-{number}"), nodes, [POINT])
    assert queries("rounds") == few <= BUDGETS["rounds"]


@pytest.mark.parametrize("name", ["job", "round", "version-origin", "job-figure"])
def test_more_rounds_and_members_are_no_more_queries(queries, root, pin, make_node, name):
    def ask(nodes, points, model):
        job = finished_job(make_version(root, model=model), nodes, [POINT] * points)
        arguments = {"round": (job.pk, 1), "version-origin": (job.model_id, 2)}
        return queries(name, *arguments.get(name, (job.pk,)))

    few = ask([make_node(online=True) for _ in range(3)], 1, "small")
    many = ask([make_node(online=True) for _ in range(20)], 4, "large")
    assert many == few <= BUDGETS[name]


def test_the_form_is_no_slower_with_a_larger_fleet(queries, root, pin, make_node):
    make_version(root)
    few = queries("job-new")
    for number in range(6):
        make_node(online=True)
        make_version(root, model=f"model-{number}")
    assert queries("job-new") == few <= BUDGETS["job-new"]
