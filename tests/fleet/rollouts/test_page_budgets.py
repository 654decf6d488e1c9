"""Pages of models, plans and pushes ask as many questions of the database however much there is to show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fleet.rollouts.services import reconcile
from tests.fleet.rollouts.conftest import obey
from tests.published import make_version

# Session, person, grants and the shell's count are five of them.
BUDGETS = {"models": 11, "plans": 12, "topology": 16, "rollout": 22, "model-version": 17, "overview": 22}


@pytest.fixture
def queries(client, administrator):
    client.force_login(administrator)

    def count(address):
        with CaptureQueriesContext(connection) as seen:
            assert client.get(address).status_code == 200
        return len(seen)

    return count


def test_more_models_are_no_more_queries(queries, root, pin):
    make_version(root)
    few = queries(reverse("models"))
    for number in range(6):
        make_version(root, model=f"model-{number}")
        make_version(root, model=f"model-{number}", seed=2)
    assert queries(reverse("models")) == few <= BUDGETS["models"]


def test_more_plans_are_no_more_queries(queries, push):
    push()
    few = queries(reverse("plans"))
    for tier in ("edge", "cloud", "terminal"):
        push({"fusion": tier})
    assert queries(reverse("plans")) == few <= BUDGETS["plans"]


@pytest.mark.parametrize("name", ["rollout", "model-version", "overview", "topology"])
def test_more_nodes_are_no_more_queries(queries, push, fleet, make_node, name):
    rollout = push()
    addresses = {
        "rollout": reverse("rollout", args=[rollout.pk]),
        "model-version": reverse("model-version", args=[rollout.model_id, 1]),
    }
    obey(*fleet.values())
    reconcile.run()
    few = queries(addresses.get(name) or reverse(name))
    more = [make_node(tier="edge", online=True) for _ in range(12)]
    reconcile.run()
    obey(*more[:6])
    reconcile.run()
    assert queries(addresses.get(name) or reverse(name)) <= max(few, BUDGETS[name])
    assert few <= BUDGETS[name]


def test_the_shards_of_a_node_are_a_handful_of_queries(queries, push, fleet):
    push()
    obey(fleet["terminal"])
    assert queries(reverse("node-shards", args=[fleet["terminal"].uid])) <= 10
