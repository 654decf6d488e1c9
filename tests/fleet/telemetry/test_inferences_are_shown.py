import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from fleet.pages.selectors.headline import headlines
from fleet.registry.models import Artifact, Node, NodeTarget, RunningShard
from fleet.telemetry.consumers import _localised
from fleet.telemetry.core import local_time
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.publisher import Feed
from fleet.telemetry.models import FleetFigure
from fleet.telemetry.selectors import figures, shards
from fleet.telemetry.services import partitions
from fleet.trust.models import Site, User
from muster.clock import now_us
from tests.fleet.telemetry.devices import inference, rows, sample
from tests.published import make_version

pytestmark = pytest.mark.django_db
SECOND = 1_000_000
INSERT = """INSERT INTO telemetry_inference
    (node, at, received_at, stream, seq, shard, requests, errors, total_us, least_us, most_us, local)
    VALUES (%s, %s, 5, 1, %s, %s, %s, %s, %s, 1, 2, %s)"""


@pytest.fixture
def node(make_node: Any) -> Node:
    partitions.reconcile()
    return make_node("press", online=True)


@pytest.fixture
def artifacts(root: Site, site: Site) -> list[Artifact]:
    """Two published components of the node's tenant."""
    version = make_version(root, workload="digits")
    return [component.artifacts.order_by("key")[0] for component in version.components.order_by("position")]


def store(node: Node, shard: int, at: int, requests: int = 2, total_us: int = 3_000, **more: Any) -> None:
    with connection.cursor() as cursor:
        values = [requests, more.get("errors", 0), total_us, more.get("local", True)]
        cursor.execute(INSERT, [node.pk, at, at % SECOND, shard, *values])


def chart(client: Client, user: User, node: Node, span: str = "5m") -> Any:
    client.force_login(user)
    return client.get(reverse("node-figure", args=[node.uid, "inference"]), {"range": span}).json()


def test_a_line_for_each_component_with_the_mean_of_each_second(
    client: Client, viewer: User, node: Node, artifacts: list[Artifact]
) -> None:
    now, (vision, head) = now_us(), artifacts[:2]
    for age in (30, 29, 28):
        store(node, vision.key, now - age * SECOND, 4, 8_000)
        store(node, head.key, now - age * SECOND, 1, 500 * age, local=False)
    store(node, head.key, now - 27 * SECOND, requests=0, total_us=0, errors=2)
    figure = chart(client, viewer, node)
    first, second = figure["data"]
    assert [first["name"], second["name"]] == [f"digits · {a.component.name} ({a.variant})" for a in (vision, head)]
    assert first["meta"]["key"] == f"shard-{vision.key}"
    assert first["y"] == [2.0, 2.0, 2.0]
    assert second["y"] == [15.0, 14.5, 14.0]
    assert figure["layout"]["yaxis"]["ticksuffix"] == " ms"
    assert figure["layout"]["meta"]["keys"] == [f"shard-{vision.key}", f"shard-{head.key}"]
    assert f"{second['name']} 14.00 ms" in figure["layout"]["meta"]["finding"]
    assert figure["layout"]["meta"]["note"].endswith(f"tensors: {second['name']}.")


def test_a_component_that_is_asked_seldom_has_no_gap_after_each_answer(
    client: Client, viewer: User, node: Node, artifacts: list[Artifact]
) -> None:
    for age in range(100, 0, -10):
        store(node, artifacts[0].key, now_us() - age * SECOND)
    (trace,) = chart(client, viewer, node)["data"]
    assert len(trace["y"]) == 10
    assert None not in trace["y"]


def test_a_long_range_is_merged_by_requests(client: Client, viewer: User, node: Node) -> None:
    now = now_us()
    bucket = 3600 * SECOND // 300
    start = now - 100 * bucket
    store(node, 5, start + SECOND, 1, 10_000)
    store(node, 5, start + 2 * SECOND, 3, 2_000)
    values = [value for value in chart(client, viewer, node, "1h")["data"][0]["y"] if value is not None]
    assert values == [3.0] or sorted(values) == pytest.approx([2_000 / 3 / 1000, 10.0])  # a border may part them


def test_only_the_busiest_components_are_drawn_and_the_rest_is_said(client: Client, viewer: User, node: Node) -> None:
    for shard in range(1, 9):
        store(node, shard, now_us() - 10 * SECOND, requests=shard)
    figure = chart(client, viewer, node)
    assert [trace["meta"]["key"] for trace in figure["data"]] == [f"shard-{shard}" for shard in range(3, 9)]
    assert "2 more components" in figure["layout"]["meta"]["finding"]
    assert len(figure["layout"]["meta"]["keys"]) == 8


def test_a_shard_that_nobody_of_the_tenant_published_stays_a_number(
    client: Client, viewer: User, node: Node, make_site: Any
) -> None:
    """A device may claim any number; the names of another tenant's models are not told for it."""
    foreign = make_version(make_site("south"), workload="digits", model="secret").components.first()
    key = foreign.artifacts.first().key
    store(node, key, now_us() - SECOND)
    figure = chart(client, viewer, node)
    assert [trace["name"] for trace in figure["data"]] == [f"Shard {key}"]
    assert "secret" not in str(figure)


def test_labels_are_one_query_and_tell_versions_apart_where_two_read_the_same(
    node: Node, root: Site, artifacts: list[Artifact], django_assert_num_queries: Any
) -> None:
    again = make_version(root, workload="digits", seed=2)
    twin = Artifact.objects.get(
        component__version=again, component__name=artifacts[0].component.name, variant=artifacts[0].variant
    )
    node = Node.objects.select_related("site").get(pk=node.pk)
    with django_assert_num_queries(1):
        found = shards.labels(node, [artifacts[0].key, twin.key, artifacts[1].key, 999_999])
    name, variant = artifacts[0].component.name, artifacts[0].variant
    assert found[artifacts[0].key] == f"digits 1 · {name} ({variant})"
    assert found[twin.key] == f"digits 2 · {name} ({variant})"
    assert found[artifacts[1].key] == f"digits · {artifacts[1].component.name} ({artifacts[1].variant})"
    assert found[999_999] is None


def page(client: Client, user: User, node: Node, **headers: str) -> str:
    client.force_login(user)
    return client.get(reverse("node", args=[node.uid]), headers=headers).content.decode()


def test_the_chart_is_on_the_page_of_a_node_that_holds_something_alone(
    client: Client, viewer: User, node: Node
) -> None:
    assert "chart-inference" not in page(client, viewer, node)
    RunningShard.objects.create(node=node, shard=17, weights_sha256="a" * 64, verified_at=datetime.now(UTC))
    shown = page(client, viewer, node)
    assert shown.count('id="chart-inference"') == 1
    assert 'data-table-for="chart-inference"' in shown
    assert re.search(r'data-reads="inferences"', shown)


def test_the_chart_comes_with_the_first_target_while_the_page_is_open(client: Client, viewer: User, node: Node) -> None:
    panel = {"HX-Request": "true", "HX-Target": "node-inference"}
    assert "data-refresh-every" in page(client, viewer, node, **panel)
    NodeTarget.objects.create(
        node=node, release_epoch=1, counter=1, document=b"", content_sha256="", signature_value=b"", shards=[17]
    )
    shown = page(client, viewer, node, **panel)
    assert "data-refresh-every" not in shown  # from here on the chart keeps itself fresh
    assert "chart-inference" in shown


def test_the_live_topic_carries_inferences_with_local_times_and_means() -> None:
    feed, now = Feed("uid", epoch=3), now_us()
    answers = [inference(17, now, requests=3, total_us=4_500, most_us=2_500), inference(18, now, requests=0, errors=1)]
    feed.add([sample(now)], 0, answers)
    data = _localised(feed.take(now)["data"], local_time.zone("Asia/Shanghai"))
    first, second = data["inferences"]
    at = local_time.iso(now, local_time.zone("Asia/Shanghai"))
    assert first == {
        "at": at, "shard": 17, "requests": 3, "errors": 0, "mean_ms": 1.5, "most_ms": 2.5, "local": True
    }  # fmt: skip
    assert (second["mean_ms"], second["most_ms"], second["errors"]) == (None, None, 1)
    feed.add([sample(now)], 0)
    assert "inferences" not in feed.take(now)["data"]


def test_inferences_past_the_bound_or_too_old_are_announced_as_a_gap() -> None:
    feed = Feed("uid", epoch=3)
    feed.add([], 0, [inference(shard) for shard in range(limits.MAX_LIVE_INFERENCES + 1)])
    message = feed.take(at=200)
    assert (message["seq"], len(message["data"]["inferences"])) == (2, limits.MAX_LIVE_INFERENCES)
    assert message["data"]["inferences"][-1]["shard"] == limits.MAX_LIVE_INFERENCES
    feed.add([], 50, [inference(1, at=10)])
    assert not feed.some
    assert feed.take(at=200)["seq"] == 4


@pytest.fixture
def recorded(site: Site, make_site: Any, node: Node) -> None:
    """Two sites that measured inference, one that did not, and one that is not seen."""
    now = now_us() // (10 * SECOND) * 10
    slow, silent, foreign = make_site("north/plant-a/line-1"), make_site("north/plant-a/line-2"), make_site("south")
    for place, nodes, p50, p95 in (
        (site, 9, 10, 20),
        (slow, 1, 110, 120),
        (silent, 0, None, None),
        (foreign, 5, 900, 900),
    ):
        FleetFigure.objects.create(
            at=datetime.fromtimestamp(now, UTC),
            site=place,
            nodes=10,
            online=10,
            rtt_p50_us=5_000,
            rtt_p95_us=6_000,
            inference_nodes=nodes,
            inference_p50_us=p50 and p50 * 1000,
            inference_p95_us=p95 and p95 * 1000,
        )


def test_the_overview_shows_inference_where_it_is_measured_and_says_so(
    client: Client, operator: User, recorded: None
) -> None:
    client.force_login(operator)
    figure = client.get(reverse("fleet-figure", args=["latency"])).json()
    assert [trace["y"] for trace in figure["data"]] == [[120.0], [20.0]]  # (9 · 10 + 1 · 110) / 10
    assert figure["layout"]["meta"]["title"] == "Inference, mean per component"
    assert figures.fleet_kpis(operator).inference_p95_ms.now == 120.0
    assert [shown.label for shown in headlines(operator)][1] == "Inference, p95"


def test_the_overview_shows_the_round_trip_where_nothing_is_answered(
    client: Client, operator: User, recorded: None
) -> None:
    client.force_login(operator)
    figure = client.get(reverse("fleet-figure", args=["latency"]), {"site": "north/plant-a/line-2"}).json()
    assert [trace["y"] for trace in figure["data"]] == [[6.0], [5.0]]
    assert figure["layout"]["meta"]["title"] == "Round trip to the server"
    quiet = Site.objects.get(path="north/plant-a/line-2/")
    assert [shown.label for shown in headlines(operator, quiet)][1] == "Round trip, p95"


def ask(client: Client, user: User, bearer: Any, node: Node, **query: Any) -> Any:
    return client.get(f"/api/v1/nodes/{node.uid}/inferences", query, headers=bearer(user))


def test_inferences_over_rest_come_oldest_first_with_their_names(
    client: Client, viewer: User, bearer: Any, node: Node, artifacts: list[Artifact]
) -> None:
    now = now_us()
    for age in (3, 2, 1):
        store(node, artifacts[0].key, now - age * SECOND, errors=1, local=False)
    store(node, 999_999, now - SECOND // 2)
    body = ask(client, viewer, bearer, node).json()
    assert (body["node"], body["truncated"], len(body["inferences"])) == (str(node.uid), False, 4)
    at = datetime.fromtimestamp((now - 3 * SECOND) / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert body["inferences"][0] == {
        "at": at,
        "received_at": "1970-01-01T00:00:00.000005Z",
        "shard": artifacts[0].key,
        "model": "digits",
        "version": 1,
        "component": artifacts[0].component.name,
        "variant": artifacts[0].variant,
        "requests": 2,
        "failed": 1,
        "total_us": 3_000,
        "least_us": 1,
        "most_us": 2,
        "local": False,
    }
    assert body["inferences"][-1]["model"] is None
    shorter = ask(client, viewer, bearer, node, limit=2).json()
    assert (shorter["truncated"], len(shorter["inferences"])) == (True, 2)


def test_a_span_that_cannot_be_is_refused_and_a_stranger_finds_no_node(
    client: Client, viewer: User, user: User, bearer: Any, node: Node
) -> None:
    assert ask(client, viewer, bearer, node, limit=0).status_code == 400
    assert ask(client, viewer, bearer, node, **{"from": "yesterday"}).status_code == 400
    assert ask(client, user, bearer, node).status_code == 404
    assert client.get(f"/api/v1/nodes/{node.uid}/inferences").status_code == 401


def test_the_hourly_tables_are_indexed_by_node_and_time(node: Node) -> None:
    plan = rows("EXPLAIN SELECT * FROM telemetry_inference WHERE node = 1 AND at >= 5 AND at < 9")
    assert plan  # pruned to nothing: no partition holds so old a time
    assert not any("Seq Scan" in line for (line,) in plan)
