from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fleet.registry.models import Presence
from fleet.telemetry.core.site_figures import QUIET_US
from fleet.telemetry.models import FleetFigure
from fleet.telemetry.services import liveness
from fleet.telemetry.services.pulse import Pulse
from fleet.trust.models import Event, Site
from muster.clock import now_us

MakeNode = Any


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = now_us()

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def pulse(transactional_db: None, clock: Hand) -> Any:
    pulse = Pulse(clock)
    yield pulse
    pulse.stop()


def test_a_tick_tells_each_site_how_its_own_nodes_are(pulse: Pulse, make_node: MakeNode, site: Site) -> None:
    make_node(online=True, cpu=0.2, rtt_us=10_000)
    make_node(online=True, cpu=0.4, rtt_us=30_000)
    make_node()
    (message,) = pulse.tick()
    assert message["topic"] == f"site.{site.pk}"
    assert message["seq"] == 1
    assert message["data"] == {
        "nodes": 3,
        "counts": {"healthy": 2, "offline": 1},
        "rtt_p95_ms": 30.0,
        "inference_p95_ms": None,
        "cpu_mean": 0.3,
        "changed": [],
    }


def test_a_second_tick_says_nothing_until_a_site_was_quiet_for_long(
    pulse: Pulse, clock: Hand, make_node: MakeNode
) -> None:
    make_node(online=True)
    assert len(pulse.tick()) == 1
    assert pulse.tick() == []
    clock.now += QUIET_US
    assert [message["seq"] for message in pulse.tick()] == [2]


def test_a_node_that_goes_offline_is_named_as_changed(pulse: Pulse, make_node: MakeNode) -> None:
    node = make_node(online=True)
    pulse.tick()
    Presence.objects.filter(node=node).update(expires_at=None)
    (message,) = pulse.tick()
    assert message["data"]["changed"] == [{"id": str(node.uid), "status": "offline"}]


def test_figures_are_stored_once_for_each_step(pulse: Pulse, clock: Hand, make_node: MakeNode, site: Site) -> None:
    clock.now = clock.now // 10_000_000 * 10_000_000
    make_node(online=True, cpu=0.5, rtt_us=2_000, memory_used_bytes=7)
    pulse.tick()
    clock.now += 9_000_000
    pulse.tick()
    row = FleetFigure.objects.get()
    assert (row.site_id, row.nodes, row.online, row.rtt_p50_us, row.cpu_mean) == (site.pk, 1, 1, 2_000, 0.5)
    clock.now += 1_000_000
    pulse.tick()
    assert FleetFigure.objects.count() == 2


def test_a_stand_by_says_nothing_until_the_first_stops(pulse: Pulse, make_node: MakeNode) -> None:
    make_node(online=True)
    other = Pulse()
    assert len(pulse.tick()) == 1
    assert other.tick() == []
    pulse.stop()
    try:
        assert len(other.tick()) == 1
    finally:
        other.stop()


def test_a_second_reconcile_of_liveness_changes_nothing(make_node: MakeNode) -> None:
    there, gone = make_node(online=True), make_node(liveness="online", expires_at="2020-01-01T00:00Z")
    assert liveness.reconcile() == {"online": 1, "offline": 1}
    assert liveness.reconcile() == {"online": 0, "offline": 0}
    verbs = dict(Event.objects.filter(verb__startswith="node.o").values_list("target_id", "verb"))
    assert verbs == {there.uid: "node.online", gone.uid: "node.offline"}


def test_an_offline_edge_is_dated_by_the_end_of_the_lease(make_node: MakeNode) -> None:
    node = make_node(liveness="online", expires_at="2020-01-01T00:00Z")
    liveness.reconcile()
    presence = Presence.objects.get(node=node)
    assert presence.liveness_since == presence.expires_at


def test_more_nodes_than_one_transaction_takes_are_all_moved(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "BATCH", 2)
    for _ in range(5):
        make_node(online=True)
    assert liveness.reconcile()["online"] == 5


def test_what_nodes_answered_of_late_is_told_and_recorded(pulse: Pulse, make_node: MakeNode, site: Site) -> None:
    now = timezone.now()
    for mean_us, age_s in ((1_000, 1), (3_000, 2), (9_000_000, 60)):  # the last one is no longer asked
        make_node(online=True, inference_us=mean_us, inference_at=now - timedelta(seconds=age_s))
    make_node(online=True)
    make_node(inference_us=7_000_000, inference_at=now)  # offline
    (message,) = pulse.tick()
    assert message["data"]["inference_p95_ms"] == 3.0
    row = FleetFigure.objects.get()
    assert (row.inference_nodes, row.inference_p50_us, row.inference_p95_us) == (2, 1_000, 3_000)
