"""How far a node has come: only hashes of live tensors prove that it runs a plan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rollouts.core.progress import TURNED_AWAY, Said, Standing, Wanted, standing
from fleet.rollouts.core.rollout_states import ASSIGNMENT_MOVES, ROLLOUT_MOVES, AssignmentState, RolloutState
from muster.wire.targets import Reason, ReportState

A, B, WRONG = "a" * 64, "b" * 64, "f" * 64
WANTED = Wanted((1, 5), {1: A, 2: B})
RIGHT = {1: A, 2: B}


def said(state=ReportState.ACTIVE, accepted=(1, 5), serving=(1, 5), reason=Reason.NONE, corrupt=()):
    return Said(accepted, serving, state, reason, frozenset(corrupt))


def test_a_node_that_proves_every_hash_is_active():
    assert standing(WANTED, said(), RIGHT, online=True) == Standing(AssignmentState.ACTIVE)


def test_a_proof_outlasts_the_connection():
    assert standing(WANTED, said(), RIGHT, online=False) == Standing(AssignmentState.ACTIVE)


def test_a_later_generation_of_another_push_proves_it_too():
    assert standing(WANTED, said(accepted=(2, 0), serving=(1, 9)), RIGHT, online=True).state == AssignmentState.ACTIVE


def test_a_later_target_that_fails_leaves_what_serves_active():
    later = said(ReportState.FAILED, accepted=(1, 9), reason=Reason.UNREACHABLE)
    assert standing(WANTED, later, RIGHT, online=True) == Standing(AssignmentState.ACTIVE)


def test_a_word_without_hashes_is_no_proof():
    assert standing(WANTED, said(), {}, online=True).state == AssignmentState.PROBED
    assert standing(WANTED, said(), {1: A}, online=True).state == AssignmentState.PROBED


def test_hashes_of_an_older_generation_are_no_proof():
    older = said(accepted=(1, 4), serving=(1, 4))
    assert standing(WANTED, older, RIGHT, online=True) == Standing(AssignmentState.PENDING)


def test_a_wrong_live_hash_fails_whatever_the_node_says():
    failed = Standing(AssignmentState.FAILED, Reason.LIVE_MISMATCH)
    assert standing(WANTED, said(), {1: A, 2: WRONG}, online=True) == failed
    assert standing(WANTED, None, {1: A, 2: WRONG}, online=True) == failed


def test_a_node_that_admits_a_mismatch_fails_where_its_own_shards_are_meant():
    failed = Standing(AssignmentState.FAILED, Reason.LIVE_MISMATCH)
    admits = said(reason=Reason.LIVE_MISMATCH, corrupt=[2])
    assert standing(WANTED, admits, RIGHT, online=True) == failed
    assert standing(WANTED, said(reason=Reason.LIVE_MISMATCH), RIGHT, online=True) == failed
    of_another = said(reason=Reason.LIVE_MISMATCH, corrupt=[77])
    assert standing(WANTED, of_another, RIGHT, online=True).state == AssignmentState.ACTIVE


def test_a_shard_that_is_damaged_on_disk_is_told_beside_the_proof():
    damaged = said(reason=Reason.DISK_CORRUPT, corrupt=[1])
    assert standing(WANTED, damaged, RIGHT, online=True) == Standing(AssignmentState.ACTIVE, Reason.DISK_CORRUPT)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (ReportState.IDLE, AssignmentState.PENDING),
        (ReportState.ACCEPTED, AssignmentState.DOWNLOADING),
        (ReportState.DOWNLOADING, AssignmentState.DOWNLOADING),
        (ReportState.STAGED, AssignmentState.STAGED),
        (ReportState.PROBED, AssignmentState.PROBED),
        (ReportState.FAILED, AssignmentState.FAILED),
    ],
)
def test_a_target_on_its_way_is_where_the_node_says(state, wanted):
    assert standing(WANTED, said(state, serving=(1, 4)), {}, online=True).state == wanted
    assert standing(WANTED, said(state, serving=(1, 4)), {}, online=False) == Standing(AssignmentState.DEFERRED)


def test_a_failure_keeps_its_reason():
    failed = said(ReportState.FAILED, serving=None, reason=Reason.DISK_FULL)
    assert standing(WANTED, failed, {}, online=True) == Standing(AssignmentState.FAILED, Reason.DISK_FULL)


@pytest.mark.parametrize("reason", sorted(TURNED_AWAY))
def test_a_target_that_was_turned_away_has_failed(reason):
    turned = said(accepted=(1, 4), serving=(1, 4), reason=reason)
    assert standing(WANTED, turned, {}, online=True) == Standing(AssignmentState.FAILED, reason)


def test_who_has_said_nothing_waits_and_who_is_away_catches_up():
    assert standing(WANTED, None, {}, online=True) == Standing(AssignmentState.PENDING)
    assert standing(WANTED, None, {}, online=False) == Standing(AssignmentState.DEFERRED)


hashes = st.sampled_from([A, B, WRONG])
generations = st.none() | st.tuples(st.integers(1, 2), st.integers(1, 9))


@given(
    report=st.none()
    | st.builds(
        Said,
        generations,
        generations,
        st.sampled_from(ReportState),
        st.sampled_from(Reason),
        st.frozensets(st.sampled_from([1, 2, 3])),
    ),
    running=st.dictionaries(st.sampled_from([1, 2, 3]), hashes),
    online=st.booleans(),
)
def test_active_means_proved_and_nothing_else_does(report, running, online):
    found = standing(WANTED, report, running, online=online)
    proved = (
        report is not None
        and report.serving is not None
        and report.serving >= (1, 5)
        and running.get(1) == A
        and running.get(2) == B
    )
    admitted = report is not None and report.reason is Reason.LIVE_MISMATCH and report.corrupt in (
        set(),
        *({key, *more} for key in (1, 2) for more in ([], [1], [2], [3], [1, 2], [1, 3], [2, 3])),
    )  # fmt: skip
    assert (found.state is AssignmentState.ACTIVE) == (proved and not admitted)
    assert found.state is not AssignmentState.SUPERSEDED
    if not online:
        assert found.state in (AssignmentState.ACTIVE, AssignmentState.DEFERRED)
    elif any(running.get(key, right) != right for key, right in RIGHT.items()):
        assert found == Standing(AssignmentState.FAILED, Reason.LIVE_MISMATCH)


def test_a_superseded_rollout_or_assignment_stays_so():
    assert ROLLOUT_MOVES[RolloutState.SUPERSEDED] == frozenset()
    assert ASSIGNMENT_MOVES[AssignmentState.SUPERSEDED] == frozenset()
    for state, targets in ASSIGNMENT_MOVES.items():
        assert state not in targets
        assert targets == frozenset() or AssignmentState.SUPERSEDED in targets
