"""When a phase ends and who takes part, as pure functions."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from aggregation.core import closing, failures
from aggregation.core.closing import Collection, Decision
from aggregation.core.membership import Candidate, places
from aggregation.services import rounds

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
MIB = 1 << 20
counts = some.integers(0, 20)
moments = some.integers(-600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(counts, counts, some.integers(1, 20), moments, some.none() | moments)
def test_a_phase_never_closes_without_its_quorum_and_never_waits_past_its_deadline(
    received, waiting, quorum, deadline, grace
):
    found = Collection(received, waiting, quorum, deadline, grace)
    decision = closing.decide(found, NOW)
    assert (decision is Decision.CLOSE) <= (received >= quorum)
    assert (decision is Decision.FAIL) <= (received < quorum)
    if deadline <= NOW or waiting == 0:
        assert decision is not Decision.WAIT


@given(counts, counts, some.integers(1, 20), some.integers(0, 600))
def test_the_grace_begins_with_the_quorum_ends_with_the_deadline_and_never_moves(received, waiting, quorum, grace_s):
    found = Collection(received, waiting, quorum, NOW + timedelta(seconds=300), None)
    until = closing.grace_until(found, NOW, timedelta(seconds=grace_s))
    assert (until is not None) == (received >= quorum)
    if until is not None:
        assert until == NOW + timedelta(seconds=min(grace_s, 300))
        again = Collection(received, waiting, quorum, found.deadline_at, until)
        assert closing.grace_until(again, NOW + timedelta(seconds=9), timedelta(seconds=grace_s)) == until


def test_members_are_those_who_are_online_free_and_large_enough_each_in_its_place():
    candidates = [
        Candidate(1, "c", True, 8 << 30),
        Candidate(2, "a", False, 8 << 30),  # away: keeps its place
        Candidate(3, "b", True, None),  # nobody knows its memory
        Candidate(4, "d", True, 256 * MIB),  # too small: has no place
        Candidate(5, "e", True, 8 << 30, tasks=8),  # has its hands full
    ]
    found, might = places(candidates, model_bytes=10 * MIB)
    assert [(place.node, place.index) for place in found] == [(3, 1), (1, 2)]
    assert might == 4


@pytest.mark.parametrize(
    ("states", "count"),
    [([], 0), (["failed"], 1), (["failed", "published"], 0), (["published", "failed", "failed"], 2)],
)
def test_failures_in_a_row_are_those_since_the_last_published_round(states, count):
    assert rounds.failed_in_a_row(states) == count


@pytest.mark.parametrize("failure", failures.Failure)
def test_a_failure_is_read_as_it_was_said(failure):
    assert failures.split(failures.said(failure, "2 of 3: too few")) == (failure.value, "2 of 3: too few")
