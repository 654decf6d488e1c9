"""The status that the database derives is the one that the rules, read one by one, give."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.registry.core import health
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node, NodeReport, NodeTarget, Presence
from fleet.registry.selectors import nodes
from muster.ids import uuid7

GIB = 1 << 30
NOW = timezone.now()


def status_of(node: Node, now=None) -> tuple[str, str]:
    return nodes.with_status(Node.objects.filter(pk=node.pk), now).values_list("status", "status_reason").get()


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        ("pending", "waiting", "undecided"),
        ("active", "healthy", ""),
        ("quarantined", "critical", "quarantined"),
        ("retired", "retired", "retired"),
    ],
)
def test_the_state_speaks_before_the_figures(make_node, state, status, reason):
    assert status_of(make_node(state=state, online=True)) == (status, reason)


def test_a_node_that_was_never_seen_is_offline(make_node):
    assert status_of(make_node()) == ("offline", "never_seen")


def test_a_lease_ends_on_the_very_microsecond(make_node):
    node = make_node(expires_at=NOW)
    assert status_of(node, NOW - timedelta(microseconds=1)) == ("healthy", "")
    assert status_of(node, NOW) == ("offline", "silent")


def test_a_node_without_a_presence_is_offline(make_node):
    node = make_node()
    Presence.objects.all().delete()
    assert status_of(node) == ("offline", "never_seen")


def test_bad_figures_of_a_silent_node_do_not_count(make_node):
    assert status_of(make_node(cpu=1.0, temperature_c=120.0)) == ("offline", "never_seen")


@pytest.mark.parametrize(
    ("figures", "status", "reason"),
    [
        ({"cpu": 1.0}, "healthy", ""),
        ({"load1": 31.9}, "healthy", ""),
        ({"load1": 32.0}, "degraded", "load"),
        ({"rtt_us": 499_999}, "healthy", ""),
        ({"rtt_us": 500_000}, "degraded", "round_trip"),
        ({"temperature_c": 84.9}, "healthy", ""),
        ({"temperature_c": 85.0}, "degraded", "temperature"),
        ({"temperature_c": 95.0}, "critical", "temperature"),
        ({"memory_used_bytes": 94 * GIB}, "healthy", ""),
        ({"memory_used_bytes": 95 * GIB}, "degraded", "memory"),
        ({"memory_used_bytes": 99 * GIB}, "critical", "memory"),
        ({"memory_used_bytes": 95 * GIB, "temperature_c": 95.0}, "critical", "temperature"),
        ({"load1": 40.0, "rtt_us": 900_000}, "degraded", "load"),
    ],
)
def test_a_limit_holds_from_its_value_on_and_the_worst_decides(make_node, figures, status, reason):
    assert status_of(make_node(online=True, memory_bytes=100 * GIB, **figures)) == (status, reason)


@pytest.fixture
def reporting(make_node):
    """Make a connected node that was given generation (1, 5) and last reported so."""

    def make(state: str, *, generation=(1, 5), live_mismatch: bool = False, **figures) -> Node:
        node = make_node(**{"online": True} | figures)
        NodeTarget.objects.create(
            node=node, release_epoch=1, counter=5, document=b"", content_sha256="", signature_value=b""
        )
        release_epoch, counter = generation
        NodeReport.objects.create(
            node=node,
            epoch=1,
            boot=uuid7(),
            number=1,
            release_epoch=release_epoch,
            counter=counter,
            state=state,
            live_mismatch=live_mismatch,
            at=NOW,
        )
        return node

    return make


@pytest.mark.parametrize("state", ["accepted", "downloading", "staged", "probed"])
def test_a_node_on_its_way_to_its_newest_target_is_updating(reporting, state):
    assert status_of(reporting(state)) == ("updating", "target")
    assert status_of(reporting(state, generation=(1, 4))) == ("healthy", "")


@pytest.mark.parametrize("state", ["idle", "active"])
def test_a_node_that_runs_its_target_is_healthy(reporting, state):
    assert status_of(reporting(state)) == ("healthy", "")


@pytest.mark.parametrize(
    ("report", "figures", "status", "reason"),
    [
        ({"state": "failed"}, {}, "degraded", "target_failed"),
        ({"state": "active", "live_mismatch": True}, {}, "degraded", "live_mismatch"),
        ({"state": "failed", "live_mismatch": True}, {}, "degraded", "live_mismatch"),
        ({"state": "downloading", "live_mismatch": True}, {}, "degraded", "live_mismatch"),
        ({"state": "failed"}, {"rtt_us": 900_000}, "degraded", "target_failed"),
        ({"state": "staged"}, {"rtt_us": 900_000}, "degraded", "round_trip"),
        ({"state": "failed"}, {"temperature_c": 99.0}, "critical", "temperature"),
        ({"state": "failed", "live_mismatch": True}, {"online": False}, "offline", "never_seen"),
        ({"state": "failed"}, {"state": "quarantined"}, "critical", "quarantined"),
    ],
)
def test_the_worst_of_report_and_figures_decides(reporting, make_node, report, figures, status, reason):
    node = reporting(report.pop("state"), **report, **{k: v for k, v in figures.items() if k != "state"})
    Node.objects.filter(pk=node.pk).update(state=figures.get("state", "active"))
    assert status_of(node) == (status, reason)


@pytest.mark.parametrize("memory_bytes", [None, 0])
def test_a_node_of_unknown_memory_is_not_judged_by_it(make_node, memory_bytes):
    assert status_of(make_node(online=True, memory_bytes=memory_bytes, memory_used_bytes=GIB)) == ("healthy", "")


def judge(state: str, online: bool, total: int | None, used: int | None, hot: float | None, load: float | None) -> str:
    """Return the status by the rules as a person would read them: the oracle."""
    if state != "active":
        return {"pending": "waiting", "quarantined": "critical", "retired": "retired"}[state]
    if not online:
        return "offline"
    share = used / total if used is not None and total else 0
    if share >= 0.99 or (hot or 0) >= 95:
        return "critical"
    return "degraded" if share >= 0.95 or (hot or 0) >= 85 or (load or 0) >= 32 else "healthy"


@given(
    state=st.sampled_from(NodeState),
    online=st.booleans(),
    total=st.none() | st.integers(0, 200),
    used=st.none() | st.integers(0, 200),
    hot=st.none() | st.sampled_from([20.0, 84.0, 85.0, 94.0, 95.0, 110.0]),
    load=st.none() | st.sampled_from([0.0, 4.0, 31.5, 32.0, 90.0]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_agrees_with_the_rules(make_node, state, online, total, used, hot, load):
    node = make_node(
        state=state, online=online, memory_bytes=total, memory_used_bytes=used, temperature_c=hot, load1=load
    )
    assert status_of(node)[0] == judge(state, online, total, used, hot, load)


def test_every_status_has_a_place_and_all_that_are_shown_have_a_letter():
    assert set(health.SEVERITY) == set(health.Status)
    assert set(health.LETTERS) == set(health.Status) - {health.Status.RETIRED}
    assert len(set(health.LETTERS.values())) == len(health.LETTERS)


@pytest.fixture
def fleet(make_node, make_site) -> None:
    """Two sites with a few nodes of every kind, and one that the viewer does not see."""
    line = make_site("north/plant-a/line-1")
    make_node("a", online=True)
    make_node("b", online=True, load1=40.0)
    make_node("c")
    make_node("d", state="pending")
    make_node("e", at=line)
    make_node("f", at=line)
    make_node("g", state="retired")
    make_node("hidden", at=make_site("north/plant-ab"))


def test_counts_hold_every_status_and_only_what_is_visible(fleet, viewer, user, site):
    counts = nodes.status_counts(viewer)
    assert counts == {
        "waiting": 1,
        "healthy": 1,
        "updating": 0,
        "degraded": 1,
        "critical": 0,
        "offline": 3,
        "retired": 1,
    }
    assert nodes.status_counts(viewer, [site])["offline"] == 1
    assert sum(nodes.status_counts(user).values()) == 0


def test_a_wall_has_a_letter_for_each_node_in_order_of_names(fleet, viewer, user):
    walls = nodes.wall(viewer)
    assert [(str(wall.site), wall.cells) for wall in walls] == [
        ("north/plant-a", "odfw"),
        ("north/plant-a/line-1", "ff"),
    ]
    assert walls[0].counts == {"healthy": 1, "degraded": 1, "offline": 1, "waiting": 1}
    assert nodes.wall(user) == []


def test_what_needs_attention_is_grouped_with_the_most_nodes_first(fleet, viewer, user):
    groups = [(str(g.site), g.status, g.reason, g.nodes) for g in nodes.needs_attention(viewer)]
    assert groups == [
        ("north/plant-a/line-1", "offline", "never_seen", 2),
        ("north/plant-a", "offline", "never_seen", 1),
        ("north/plant-a", "degraded", "load", 1),
        ("north/plant-a", "waiting", "undecided", 1),
    ]
    assert nodes.needs_attention(user) == []


def test_the_questions_of_the_overview_cost_the_same_for_any_number_of_nodes(
    fleet, viewer, make_node, django_assert_num_queries
):
    for number in range(30):
        make_node(f"more-{number}", online=number % 2 == 0)
    with django_assert_num_queries(6):  # the grants; one for counts; two for the wall; two for the groups
        nodes.status_counts(viewer)
        nodes.wall(viewer)
        nodes.needs_attention(viewer)
