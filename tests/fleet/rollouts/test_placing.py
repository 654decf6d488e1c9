"""Where components go, and every reason against it, without a database."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rollouts.core import document, placing
from fleet.rollouts.core.placing import MIB, Capacity, Code, Refusal, Seat
from muster.wire.targets import MAX_SHARDS
from muster.workloads.declaration import TIERS
from tests.fleet.rollouts.declared import WATCH

DEFAULT = WATCH.default_placement()
PUBLISHED = {"eye": {"full": True, "light": False}, "ear": {"full": True}, "mind": {"full": True}}
SOME = {tier: Capacity(2, "small", 4096 * MIB) for tier in TIERS}

tiers = st.sampled_from(TIERS)
names = st.sampled_from(sorted(DEFAULT))


@given(wish=st.dictionaries(names, tiers), current=st.dictionaries(names, tiers))
def test_the_wish_goes_before_the_present_and_that_before_the_declaration(wish, current):
    placed = placing.complete(wish, current, DEFAULT)
    assert list(placed) == list(DEFAULT)
    for name, tier in placed.items():
        assert tier == (wish[name] if name in wish else current[name] if name in current else DEFAULT[name])


def test_what_does_not_exist_is_named():
    refusals = placing.unknown({"nose": "edge", "eye": "moon", "ear": "edge"}, DEFAULT)
    assert refusals == [
        Refusal(Code.UNKNOWN_COMPONENT, "nose", {"known": "eye, ear, mind"}),
        Refusal(Code.UNKNOWN_TIER, "eye", {"tier": "moon"}),
    ]


@pytest.mark.parametrize(("tier", "variant"), [("terminal", "light"), ("edge", "full"), ("cloud", "full")])
def test_a_tier_runs_its_first_choice(tier, variant):
    seats, refusals = placing.seats(WATCH, {"eye": tier}, PUBLISHED)
    assert (seats, refusals) == ({"eye": Seat(tier, variant)}, [])


def test_a_variant_that_was_not_published_is_replaced_by_the_reference():
    seats, refusals = placing.seats(WATCH, {"eye": "terminal"}, {"eye": {"full": True}})
    assert (seats, refusals) == ({"eye": Seat("terminal", "full")}, [])


def test_a_component_without_its_reference_is_refused():
    _seats, refusals = placing.seats(WATCH, {"eye": "edge", "ear": "edge"}, {"eye": {"light": False}})
    assert [(refusal.code, refusal.subject) for refusal in refusals] == [
        (Code.NOT_PUBLISHED, "eye"),
        (Code.NOT_PUBLISHED, "ear"),
    ]


def test_a_raw_input_that_may_not_leave_keeps_its_component_at_home():
    assert placing.leaving(WATCH, {"eye": "terminal", "ear": "cloud", "mind": "cloud"}) == []
    (refusal,) = placing.leaving(WATCH, {"eye": "edge", "ear": "cloud", "mind": "cloud"})
    assert (refusal.code, refusal.subject) == (Code.RAW_INPUT_LEAVES, "eye")
    assert refusal.facts == {"input": "image", "home": "terminal", "tier": "edge"}


def test_a_tier_without_an_active_node_is_refused_with_what_was_meant_for_it():
    placed = {"eye": "terminal", "ear": "edge", "mind": "edge"}
    assert placing.without_nodes(placed, SOME) == []
    (refusal,) = placing.without_nodes(placed, {"terminal": Capacity(1), "edge": Capacity(0)})
    assert refusal == Refusal(Code.NO_NODE, "edge", {"components": "ear, mind"})


@given(sizes=st.lists(st.integers(1, 1 << 40), min_size=1, max_size=8), memory=st.integers(1, 1 << 42))
def test_memory_is_short_exactly_when_twice_the_weights_and_the_runtime_pass_nine_tenths(sizes, memory):
    refusals = placing.too_large({"edge": sizes}, {"edge": Capacity(1, "small", memory)})
    assert bool(refusals) == (300 * (1 << 20) + 2 * sum(sizes) > memory * 90 // 100)


def test_short_memory_names_the_smallest_node_and_both_figures():
    (refusal,) = placing.too_large({"edge": [400 * MIB]}, {"edge": Capacity(3, "old-box", 1000 * MIB)})
    assert (refusal.code, refusal.subject, refusal.facts["node"]) == (Code.MEMORY_SHORT, "edge", "old-box")
    assert refusal.facts["needed_bytes"] == 1248 * MIB
    assert refusal.facts["usable_bytes"] == 900 * MIB


def test_a_tier_of_unknown_memory_and_one_that_holds_nothing_are_not_judged_by_it():
    assert placing.too_large({"edge": [1 << 50]}, {"edge": Capacity(1, "", 0)}) == []
    assert placing.too_large({"edge": []}, {"edge": Capacity(1, "tiny", 1)}) == []


def test_a_node_takes_only_so_many_shards():
    (refusal,) = placing.too_large({"edge": [1] * (MAX_SHARDS + 1)}, SOME)
    assert (refusal.code, refusal.facts) == (Code.TOO_MANY_SHARDS, {"shards": 65, "most": 64})


seats = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.builds(Seat, tiers, st.sampled_from(["full", "light"]))
)


@given(seats=seats, order=st.randoms())
def test_a_plans_hash_is_of_its_content_alone(seats, order):
    shuffled = list(seats.items())
    order.shuffle(shuffled)
    plan = document.document("m", "f" * 64, seats)
    assert document.plan_sha256(plan) == document.plan_sha256(document.document("m", "f" * 64, dict(shuffled)))
    # For plain names and texts RFC 8785 is sorted keys without spaces.
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    assert document.plan_sha256(plan) == hashlib.sha256(text.encode()).hexdigest()
    assert document.seats(plan) == seats


@given(seats=seats.filter(bool), data=st.data())
def test_any_other_content_has_another_hash(seats, data):
    name = data.draw(st.sampled_from(sorted(seats)))
    moved = {**seats, name: Seat(data.draw(tiers.filter(lambda tier: tier != seats[name].tier)), seats[name].variant)}
    plans = [
        document.document("m", "f" * 64, seats),
        document.document("m", "f" * 64, moved),
        document.document("m", "0" * 64, seats),
        document.document("n", "f" * 64, seats),
    ]
    assert len({document.plan_sha256(plan) for plan in plans}) == 4
