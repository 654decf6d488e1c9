"""The list of nodes: filters, order, pages, and what it costs."""

from datetime import timedelta

import pytest
from django.utils import timezone

NODES = "/api/v1/nodes"


@pytest.fixture
def ask(client, viewer):
    """Ask for the list and return the names."""
    client.force_login(viewer)

    def names(**query):
        answer = client.get(NODES, query)
        assert answer.status_code == 200, answer.content
        return [node["name"] for node in answer.json()["results"]]

    return names


@pytest.fixture
def fleet(make_node, make_site):
    now = timezone.now()
    make_node("alpha", online=True, cpu=0.1, rtt_us=300, memory_used_bytes=10, seen_at=now)
    make_node(
        "beta", online=True, cpu=0.99, load1=40.0, rtt_us=100, memory_used_bytes=30, seen_at=now - timedelta(seconds=1)
    )
    make_node("gamma", tier="edge", at=make_site("north/plant-a/line-1"))
    make_node("delta", tier="cloud", state="pending")
    make_node("foreign", at=make_site("north/plant-ab"))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["alpha", "beta", "delta", "gamma"]),
        ({"q": "ALPH"}, ["alpha"]),
        ({"q": "%"}, []),
        ({"q": "nothing"}, []),
        ({"status": "healthy"}, ["alpha"]),
        ({"status": ["healthy", "waiting"]}, ["alpha", "delta"]),
        ({"status": "updating"}, []),
        ({"tier": ["edge", "cloud"]}, ["delta", "gamma"]),
        ({"state": "pending"}, ["delta"]),
        ({"site": "north/plant-a/line-1"}, ["gamma"]),
        ({"site": "north/plant-a"}, ["alpha", "beta", "delta", "gamma"]),
        ({"site": "north/plant"}, []),
        ({"site": "north/plant-ab"}, []),
        ({"device_type": "bench", "tier": "edge"}, ["gamma"]),
        ({"device_type": "other"}, []),
    ],
)
def test_a_filter_narrows_the_list(fleet, ask, query, names):
    assert ask(**query) == names


@pytest.mark.parametrize(
    ("ordering", "names"),
    [
        ("name", ["alpha", "beta", "delta", "gamma"]),
        ("-name", ["gamma", "delta", "beta", "alpha"]),
        ("status", ["gamma", "beta", "delta", "alpha"]),
        ("-status", ["alpha", "delta", "beta", "gamma"]),
        ("tier", ["delta", "gamma", "alpha", "beta"]),
        ("site", ["alpha", "beta", "delta", "gamma"]),
        ("cpu", ["alpha", "beta", "delta", "gamma"]),
        ("-cpu", ["beta", "alpha", "delta", "gamma"]),
        ("rtt", ["beta", "alpha", "delta", "gamma"]),
        ("-memory", ["beta", "alpha", "delta", "gamma"]),
        ("-last_seen", ["alpha", "beta", "delta", "gamma"]),
        ("tier,-name", ["delta", "gamma", "beta", "alpha"]),
    ],
)
def test_the_list_is_sorted_by_what_is_asked_and_the_unknown_comes_last(fleet, ask, ordering, names):
    assert ask(ordering=ordering) == names


def test_pages_hold_fifty_and_never_overlap(client, viewer, make_node):
    for number in range(120):
        make_node(f"n-{number:03}")
    client.force_login(viewer)
    pages = [client.get(NODES, {"ordering": "-status", "page": page}).json() for page in (1, 2, 3)]
    assert [len(page["results"]) for page in pages] == [50, 50, 20]
    assert len({node["id"] for page in pages for node in page["results"]}) == 120
    assert pages[2]["next"] is None


@pytest.mark.parametrize(
    ("path", "budget"),
    [
        ("nodes", 5),
        ("nodes?status=offline&ordering=-status", 5),
        ("sites", 5),
        ("enrolment-tokens", 5),
        ("events", 5),
    ],
)
def test_a_list_costs_the_same_for_any_number_of_rows(
    client, viewer, make_node, make_token, make_site, path, budget, django_assert_num_queries
):
    client.force_login(viewer)
    for number in range(60):
        make_node(f"n-{number}", at=make_site(f"north/plant-a/line-{number % 7}"))
    for _ in range(60):
        make_token()
    with django_assert_num_queries(budget):  # session, user, grants, count, page
        answer = client.get(f"/api/v1/{path}").json()
    assert len(answer["results"]) >= 8


def test_one_node_tells_its_inventory_and_what_can_be_done(client, viewer, make_node):
    client.force_login(viewer)
    node = make_node("press", online=True, cpu=0.5, temperature_c=90.0)
    told = client.get(f"{NODES}/{node.uid}").json()
    assert (told["status"], told["status_reason"], told["cpu"]) == ("degraded", "temperature", 0.5)
    assert told["actions"] == ["quarantine", "retire"]
    assert told["inventory"] == {}
    assert told["site"] == "north/plant-a"
