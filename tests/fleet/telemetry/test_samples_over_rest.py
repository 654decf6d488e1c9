from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from fleet.registry.models import Node
from fleet.telemetry.services import partitions
from fleet.trust.models import User
from muster.clock import now_us
from tests.fleet.telemetry.devices import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def node(make_node: Any) -> Node:
    partitions.reconcile()
    return make_node("press", online=True)


@pytest.fixture
def moments(node: Node) -> list[int]:
    """Three readings of the last seconds."""
    now = now_us()
    query = """INSERT INTO telemetry_sample (node, at, received_at, stream, seq, cpu)
        VALUES (%s, %s, 5, 1, 1, 0.5) RETURNING at"""
    return [rows(query, node.pk, now - back * 1_000_000)[0][0] for back in (3, 2, 1)]


def ask(client: Client, user: User, bearer: Any, node: Node, **query: Any) -> Any:
    return client.get(f"/api/v1/nodes/{node.uid}/samples", query, headers=bearer(user))


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_readings_come_oldest_first(client: Client, viewer: User, bearer: Any, node: Node, moments: list[int]) -> None:
    body = ask(client, viewer, bearer, node).json()
    assert [sample["at"] for sample in body["samples"]] == [iso(at) for at in moments]
    assert (body["node"], body["truncated"]) == (str(node.uid), False)
    assert body["samples"][0] == {
        "at": iso(moments[0]),
        "received_at": "1970-01-01T00:00:00.000005Z",
        "cpu": 0.5,
        "memory_used_bytes": None,
        "load1": None,
        "rtt_us": None,
        "temperature_c": None,
        "battery": None,
    }


def test_a_span_and_a_limit_are_kept(client: Client, viewer: User, bearer: Any, node: Node, moments: list[int]) -> None:
    span = {"from": iso(moments[0]), "to": iso(moments[2])}
    body = ask(client, viewer, bearer, node, **span).json()
    assert [sample["at"] for sample in body["samples"]] == [iso(at) for at in moments[:2]]
    body = ask(client, viewer, bearer, node, **span, limit=1).json()
    assert body["truncated"] is True
    assert len(body["samples"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "10001"},
        {"limit": "many"},
        {"from": "yesterday"},
        {"from": "2026-01-02T00:00Z", "to": "2026-01-01T00:00Z"},
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    client: Client, viewer: User, bearer: Any, node: Node, query: dict[str, str]
) -> None:
    answer = ask(client, viewer, bearer, node, **query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_the_edges_of_the_calendar_hold_nothing(client: Client, viewer: User, bearer: Any, node: Node) -> None:
    for query in ({"to": "0001-01-01T00:00Z"}, {"from": "0001-01-01T00:00Z", "to": "9999-12-31T23:59Z"}):
        assert ask(client, viewer, bearer, node, **query).json()["samples"] == []


def test_a_stranger_finds_no_node(client: Client, user: User, bearer: Any, node: Node) -> None:
    assert ask(client, user, bearer, node).status_code == 404
    assert client.get(f"/api/v1/nodes/{node.uid}/samples").status_code == 401
