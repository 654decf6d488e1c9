from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from fleet.registry.models import Node
from fleet.telemetry.models import FleetFigure
from fleet.telemetry.selectors import figures, samples
from fleet.telemetry.services import partitions
from fleet.trust.models import Site, User
from muster.clock import now_us

SECOND = 1_000_000
Reading = tuple[int, float, int, float, int | None, float | None, float | None]


@pytest.fixture
def node(make_node: Any) -> Node:
    partitions.reconcile()
    return make_node("press", online=True)


def store(node: Node, readings: list[Reading]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_sample (node, at, received_at, stream, seq, cpu, memory_used_bytes, load1, rtt_us,"
            " temperature_c, battery) VALUES (%s, %s, 0, 1, 1, %s, %s, %s, %s, %s, %s)",
            [(node.pk, *reading) for reading in readings],
        )


def reading(at: int, cpu: float = 0.5, rtt_us: int | None = 1000, temperature: float | None = None) -> Reading:
    return at, cpu, 1 << 30, 0.25, rtt_us, temperature, None


def test_a_series_is_read_as_it_was_stored(node: Node) -> None:
    now = now_us()
    store(node, [reading(now - 2, 0.1), reading(now - 3, 0.2, None, 40.5), reading(now, 0.3)])
    found = samples.series(node.pk, now - 10, now)
    assert found.at.tolist() == [now - 3, now - 2]  # in order, without the end
    assert found.columns["cpu"].tolist() == [0.2, 0.1]
    assert found.columns["memory_used_bytes"].tolist() == [float(1 << 30)] * 2
    assert str(found.columns["rtt_us"].tolist()) == "[nan, 1000.0]"
    assert str(found.columns["temperature_c"].tolist()) == "[40.5, nan]"


def test_a_series_without_readings_is_empty(node: Node) -> None:
    assert samples.series(node.pk, 0, now_us()).at.tolist() == []


def get(client: Client, user: User, name: str, *args: Any, **query: str) -> Any:
    client.force_login(user)
    return client.get(reverse(name, args=args), query)


def test_a_chart_carries_readings_in_the_persons_zone_and_a_gap_as_null(
    client: Client, operator: User, node: Node
) -> None:
    User.objects.filter(pk=operator.pk).update(time_zone="Asia/Shanghai")
    operator.refresh_from_db()
    start = now_us() // SECOND * SECOND - 60 * SECOND
    store(node, [reading(start, 0.25), reading(start + SECOND, 0.5), reading(start + 20 * SECOND, 0.75)])
    figure = get(client, operator, "node-figure", node.uid, "load", range="5m").json()
    trace = figure["data"][0]
    assert trace["y"] == [25.0, 50.0, None, 75.0]
    assert trace["meta"] == {"color": 0, "key": "cpu"}
    first = datetime.fromtimestamp(start / 1e6, UTC) + timedelta(hours=8)
    assert trace["x"][0] == first.replace(tzinfo=None).isoformat(timespec="milliseconds")
    assert figure["layout"]["yaxis"]["ticksuffix"] == " %"
    assert figure["layout"]["meta"]["reading"] == "75.0 %"
    assert "between 25.0 % and 75.0 %" in figure["layout"]["meta"]["finding"]
    assert "template" not in figure["layout"]


@pytest.mark.parametrize(
    ("rtt_us", "lines"), [(3_000, []), (300_000, [{"y": 500.0, "label": "Degraded", "limit": True}])]
)
def test_a_limit_is_drawn_once_the_readings_come_within_its_reach(
    client: Client, operator: User, node: Node, rtt_us: int, lines: list
) -> None:
    store(node, [reading(now_us() - 10 * SECOND, rtt_us=rtt_us)])
    figure = get(client, operator, "node-figure", node.uid, "latency").json()
    assert figure["layout"]["meta"]["lines"] == lines


def test_a_long_range_is_cut_without_losing_its_peak(client: Client, operator: User, node: Node) -> None:
    start = now_us() - 3_000 * SECOND
    store(node, [reading(start + i * SECOND, rtt_us=999_000 if i == 1234 else 1_000 + i) for i in range(2900)])
    (trace,) = get(client, operator, "node-figure", node.uid, "latency", range="1h").json()["data"]
    assert 100 < len(trace["y"]) <= 300
    assert max(trace["y"]) == 999.0
    assert None not in trace["y"]


@pytest.mark.parametrize("chart", figures.NODE_CHARTS)
def test_every_chart_of_a_silent_node_says_so(client: Client, operator: User, node: Node, chart: str) -> None:
    figure = get(client, operator, "node-figure", node.uid, chart).json()
    assert [trace["y"] for trace in figure["data"]] == [[]]
    assert figure["layout"]["meta"]["reading"] == ""
    assert "nothing was measured" in figure["layout"]["meta"]["finding"]


def test_a_stranger_finds_no_node_and_nobody_reads_without_signing_in(
    client: Client, user: User, viewer: User, node: Node
) -> None:
    url = reverse("node-figure", args=[node.uid, "load"])
    assert client.get(url).status_code == 302
    assert get(client, user, "node-figure", node.uid, "load").status_code == 404
    assert get(client, viewer, "node-figure", node.uid, "load").status_code == 200


def test_an_unknown_chart_or_range_is_refused(client: Client, operator: User, node: Node) -> None:
    assert get(client, operator, "node-figure", node.uid, "noise").status_code == 404
    assert get(client, operator, "node-figure", node.uid, "load", range="1y").status_code == 400
    assert get(client, operator, "fleet-figure", "noise").status_code == 404
    assert get(client, operator, "fleet-figure", "load", range="1y").status_code == 400


@pytest.fixture
def recorded(site: Site, make_site: Any, node: Node) -> int:
    """Two sites' figures for the last hour: one fast and large, one slow and small, and one that is not seen."""
    now = now_us() // (10 * SECOND) * 10
    small, foreign = make_site("north/plant-a/line-1"), make_site("south")
    for step in range(0, 3600, 10):
        at = datetime.fromtimestamp(now - step, UTC)
        for place, online, p50, p95, cpu in (
            (site, 9, 10, 20, 0.1),
            (small, 1, 110, 120, 0.6),
            (foreign, 5, 900, 900, 1),
        ):
            FleetFigure.objects.create(
                at=at,
                site=place,
                nodes=10,
                online=online,
                rtt_p50_us=p50 * 1000,
                rtt_p95_us=p95 * 1000,
                cpu_mean=cpu,
            )
    return now


def test_the_fleets_charts_merge_the_sites_a_person_sees(client: Client, operator: User, recorded: int) -> None:
    slowest, median = get(client, operator, "fleet-figure", "latency", range="1h").json()["data"]
    assert set(slowest["y"]) == {120.0}
    assert set(median["y"]) == {20.0}  # (9 · 10 + 1 · 110) / 10
    (load,) = get(client, operator, "fleet-figure", "load", range="1h").json()["data"]
    assert set(load["y"]) == {15.0}  # (9 · 0.1 + 1 · 0.6) / 10, in per cent
    (load,) = get(client, operator, "fleet-figure", "load", range="1h", site="north/plant-a/line-1").json()["data"]
    assert set(load["y"]) == {60.0}


def test_a_stranger_sees_an_empty_fleet(client: Client, user: User, recorded: int) -> None:
    (load,) = get(client, user, "fleet-figure", "load").json()["data"]
    assert load["y"] == []
    kpis = figures.fleet_kpis(user)
    assert (kpis.total, kpis.online.now, kpis.rtt_p95_ms.now, kpis.cpu_mean.spark) == (0, 0, None, [])


def test_the_key_figures_are_those_of_the_hour(operator: User, node: Node, make_node: Any, recorded: int) -> None:
    make_node("gone")
    now = now_us()
    store(node, [reading(now - (3 + i) * SECOND) for i in range(30)])
    kpis = figures.fleet_kpis(operator)
    assert (kpis.total, kpis.online.now) == (2, 1)
    assert kpis.rtt_p95_ms.now == 120.0
    assert kpis.cpu_mean.now == pytest.approx(0.15)
    assert len(kpis.cpu_mean.spark) == 60
    assert kpis.online.spark[30] == 10
    assert kpis.stored_per_s.now == 0.5
    assert sum(count or 0 for count in kpis.stored_per_s.spark) == 30
    assert kpis.expected_per_s == 1.0
