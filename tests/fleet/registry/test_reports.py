"""A report is stored where it is newer, costs little where it repeats itself, and tells each trouble once."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.registry.core import report_edges
from fleet.registry.core.report_edges import UNNAMED, Claim, Edge, edges
from fleet.registry.models import Artifact, NodeReport, RunningShard
from fleet.registry.services import reports
from fleet.trust.models import Event
from muster.canon.signatures import Signature
from muster.ids import uuid7
from muster.wire.messages import HeldShard, Report
from muster.wire.messages import RunningShard as Runs
from muster.wire.targets import Reason, ReportState, ShardState
from tests.published import make_version

WRONG = "f" * 64
LAST = (1 << 63) - 1
TROUBLES = ("shard.mismatch", "shard.corrupt", "target.failed", "target.active")

numbers = itertools.count(1)


@pytest.fixture
def node(make_node):
    return make_node("press")


@pytest.fixture
def shards(root) -> list[Artifact]:
    make_version(root)
    return list(Artifact.objects.order_by("key")[:2])


def report(node, artifacts=(), **changes):
    fields = {
        "node": str(node.uid),
        "boot": str(uuid7()),
        "number": next(numbers),
        "at": 1_700_000_000_000_000,
        "generation": (1, 5),
        "serving": (1, 5),
        "state": ReportState.ACTIVE,
        "reason": Reason.NONE,
        "detail": "",
        "shards": [HeldShard(shard.key, ShardState.SERVING, shard.size_bytes) for shard in artifacts],
        "running": [Runs(shard.key, shard.weights_sha256, 1_700_000_000_000_000) for shard in artifacts],
        "signature": Signature("ed25519", "", b""),
    }
    return Report(**(fields | changes))


def accept(node, *args, epoch=1, **changes):
    return reports.accept(node_key=node.pk, epoch=epoch, report=report(node, *args, **changes))


def told():
    return list(Event.objects.filter(verb__in=TROUBLES).order_by("id").values_list("verb", flat=True))


def test_a_report_is_kept_with_what_runs(node, shards):
    assert accept(node, shards, detail="all\0 well")
    row = NodeReport.objects.get(node=node)
    assert (row.release_epoch, row.counter, row.serving_release_epoch, row.serving_counter) == (1, 5, 1, 5)
    assert (row.state, row.reason, row.detail, row.live_mismatch) == ("active", "", "all well", False)
    assert row.shards[0] == {"key": shards[0].key, "state": "serving", "have_bytes": shards[0].size_bytes}
    assert row.at.isoformat() == "2023-11-14T22:13:20+00:00"
    running = dict(RunningShard.objects.filter(node=node).values_list("shard", "weights_sha256"))
    assert running == {shard.key: shard.weights_sha256 for shard in shards}


def test_order_is_by_connection_and_then_by_number(node, shards):
    assert accept(node, shards, epoch=2, number=5)
    for epoch, number in ((2, 5), (2, 4), (1, 99)):
        assert not accept(node, epoch=epoch, number=number, state=ReportState.IDLE)
    assert NodeReport.objects.get().state == "active"
    assert accept(node, shards, epoch=2, number=6)
    assert accept(node, epoch=3, number=1, state=ReportState.IDLE)
    assert NodeReport.objects.get().state == "idle"
    assert not RunningShard.objects.exists()


def test_a_node_that_does_not_exist_is_no_fault(node):
    assert not reports.accept(node_key=node.pk + 1, epoch=1, report=report(node))


def test_a_repeated_report_moves_only_its_times(node, shards, django_assert_num_queries):
    accept(node, shards)
    row, ran = NodeReport.objects.get(), list(RunningShard.objects.order_by("shard").values())
    again = report(node, shards, at=1_700_000_060_000_000, running=[
        Runs(shard.key, shard.weights_sha256, 1_700_000_060_000_000) for shard in shards
    ])  # fmt: skip
    with django_assert_num_queries(8):  # node, report, running; update, upsert, delete; a savepoint
        assert reports.accept(node_key=node.pk, epoch=1, report=again)
    new = NodeReport.objects.get()
    assert (new.changed_at, new.number, new.at > row.at) == (row.changed_at, again.number, True)
    for before, after in zip(ran, RunningShard.objects.order_by("shard").values(), strict=True):
        assert after["verified_at"] > before["verified_at"]
        assert {**before, "verified_at": 0} == {**after, "verified_at": 0}


def test_a_shard_that_changes_starts_anew_and_one_that_is_gone_goes(node, shards):
    accept(node, shards)
    one, two = RunningShard.objects.order_by("shard")
    accept(node, shards, running=[Runs(shards[0].key, WRONG, 5)])
    (left,) = RunningShard.objects.all()
    assert (left.shard, left.weights_sha256, left.since >= one.since) == (one.shard, WRONG, True)
    assert two.shard != left.shard


@pytest.mark.parametrize(
    "changes",
    [
        {"running": [Runs(LAST, WRONG, 0), Runs(0, WRONG, 253_402_300_799_999_999)]},
        {"running": [Runs(5, WRONG, 1), Runs(5, "a" * 64, 2)]},  # one key twice
        {"shards": [HeldShard(LAST, ShardState.CORRUPT, LAST)]},
        {"shards": [HeldShard(3, ShardState.CORRUPT, 1)], "reason": Reason.LIVE_MISMATCH},
        {"shards": [HeldShard(3, ShardState.CORRUPT, 1)], "reason": Reason.DISK_CORRUPT},
        {"generation": None, "serving": ((1 << 53) - 1, (1 << 53) - 1)},
        {"detail": "\0" * 300},
    ],
)
def test_a_report_that_makes_no_sense_is_stored_without_harm(node, shards, changes):
    assert accept(node, **changes)
    assert accept(node, **changes)
    assert accept(node, shards)
    assert not NodeReport.objects.get().live_mismatch


def test_a_wrong_live_hash_is_told_once_until_it_is_mended(node, shards):
    wrong = [Runs(shards[0].key, WRONG, 1), Runs(shards[1].key, shards[1].weights_sha256, 1)]
    accept(node, shards)
    for _ in range(3):
        accept(node, shards, running=wrong)
    assert NodeReport.objects.get().live_mismatch
    event = Event.objects.get(verb="shard.mismatch")
    assert (event.actor_kind, event.actor_label, event.target_id, event.site) == ("node", "press", node.uid, node.site)
    (shard,) = event.after["shards"]
    assert (shard["component"], shard["model"], shard["live_weights_sha256"]) == ("motion", "eldercare", WRONG)
    assert shard["weights_sha256"] == shards[0].weights_sha256
    # The node finds it too, takes the shard down and loads it again: still the same trouble.
    held = [HeldShard(shards[0].key, ShardState.CORRUPT, 1)]
    accept(node, shards, running=wrong[1:], shards=held, reason=Reason.LIVE_MISMATCH, state=ReportState.FAILED)
    assert Event.objects.filter(verb="shard.mismatch").count() == 1
    accept(node, shards)
    assert not NodeReport.objects.get().live_mismatch
    accept(node, shards, running=wrong)
    assert Event.objects.filter(verb="shard.mismatch").count() == 2


@pytest.mark.parametrize("reason", [Reason.DISK_CORRUPT, Reason.DOWNLOAD_CORRUPT])
def test_a_damaged_file_is_told_once_each_time(node, shards, reason):
    held = [HeldShard(shards[1].key, ShardState.CORRUPT, 1)]
    for _ in range(2):
        accept(node, shards, shards=held, reason=reason)
    accept(node, shards)
    accept(node, shards, shards=held, reason=reason)
    found = Event.objects.filter(verb="shard.corrupt")
    assert [event.after["shards"][0]["key"] for event in found] == [shards[1].key] * 2


def test_a_failure_is_told_once_however_often_it_is_tried_again(node, shards):
    failed: dict[str, Any] = {"state": ReportState.FAILED, "reason": Reason.UNREACHABLE, "serving": None, "running": []}
    for detail in ("refused", "timed out", "refused"):
        accept(node, shards, **failed, detail=detail)
        accept(node, shards, **failed | {"state": ReportState.DOWNLOADING, "reason": Reason.NONE})
    assert told() == ["target.failed"]
    accept(node, shards, **failed | {"reason": Reason.DISK_FULL})
    accept(node, shards, **failed | {"generation": (1, 6)})
    assert told() == ["target.failed"] * 3
    accept(node, shards, generation=(1, 6), serving=(1, 6))
    accept(node, shards, **failed | {"generation": (1, 6)})
    assert told() == ["target.failed"] * 3 + ["target.active", "target.failed"]


def test_each_generation_that_runs_is_told_once_even_after_a_restart(node, shards):
    accept(node, shards)
    accept(node, shards)
    starting: dict[str, Any] = {"state": ReportState.STAGED, "serving": None, "running": []}
    accept(node, shards, epoch=2, number=1, **starting)
    accept(node, shards, epoch=2, number=2)
    assert told() == ["target.active"]
    accept(node, shards, epoch=2, number=3, generation=(1, 6), serving=(1, 6))
    assert told() == ["target.active"] * 2
    assert Event.objects.filter(verb="target.active").latest("id").after == {"generation": [1, 6]}


claims = st.builds(
    Claim,
    st.none() | st.tuples(st.just(1), st.integers(1, 3)),
    st.sampled_from(ReportState),
    st.sampled_from(Reason),
    st.frozensets(st.sampled_from([UNNAMED, 1, 2])),
    st.frozensets(st.sampled_from([UNNAMED, 1, 2])),
    st.none() | st.tuples(st.just(1), st.integers(1, 3)),
)


@given(claim=claims)
def test_what_repeats_itself_has_no_edge(claim):
    assert edges(claim, claim) == []


@given(claim=claims)
def test_the_first_report_tells_everything_that_is_wrong(claim):
    found = {item.edge: item.keys for item in edges(None, claim)}
    assert (Edge.MISMATCH in found) == bool(claim.mismatched)
    assert (Edge.CORRUPT in found) == bool(claim.corrupt)
    assert (Edge.FAILED in found) == (claim.state is ReportState.FAILED)
    assert (Edge.ACTIVE in found) == (claim.active is not None)
    assert found.get(Edge.MISMATCH, ()) == tuple(sorted(claim.mismatched))


@given(before=claims, after=claims)
def test_only_what_began_is_told(before, after):
    for item in edges(before, after):
        if item.edge is Edge.MISMATCH:
            assert set(item.keys) <= after.mismatched - before.mismatched
        if item.edge is Edge.CORRUPT:
            assert set(item.keys) <= after.corrupt - before.corrupt


def test_a_mismatch_is_a_hash_of_a_published_shard_or_the_nodes_own_word():
    published = {1: "a", 2: "b"}
    none: frozenset[int] = frozenset()
    assert report_edges.mismatched({1: "a", 2: "x", 9: "z"}, published, Reason.NONE, none) == {2}
    assert report_edges.mismatched({1: "a"}, published, Reason.LIVE_MISMATCH, frozenset({2})) == {2}
    assert report_edges.mismatched({1: "a"}, published, Reason.LIVE_MISMATCH, none) == {UNNAMED}
    assert report_edges.mismatched({1: "a"}, published, Reason.DISK_CORRUPT, frozenset({2})) == none
