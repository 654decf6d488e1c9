"""Targets, assignments and rollouts come to what the fleet is and says; a second run changes nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import connections, transaction

from fleet.registry.models import Model, NodeTarget
from fleet.registry.services import nodes
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models import Assignment, Rollout
from fleet.rollouts.services import compile, plans, pushes, reconcile, release_epochs
from fleet.trust.models import Event
from muster.wire import targets as wire
from muster.wire.messages import HeldShard, RunningShard
from tests.conftest import TESTS
from tests.fleet.rollouts.conftest import CARE, connect, disconnect, obey, target_of
from tests.published import make_version

WRONG = "f" * 64


def rows():
    """Everything that a reconciler might have changed."""
    return [list(kind.objects.order_by("pk").values()) for kind in (Rollout, Assignment, NodeTarget, Event)]


def at_once(*work):
    """Run each in a thread of its own, begun together, and return what they return."""
    together = threading.Barrier(len(work))

    def run(each):
        try:
            together.wait(20)
            return each()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as pool:
        return [done.result(60) for done in [pool.submit(run, each) for each in work]]


def states(rollout):
    return dict(rollout.assignments.values_list("node__name", "state"))


def settle():
    """Reconcile, and see that a second run changes nothing."""
    done = reconcile.run()
    before = rows()
    assert reconcile.run() == {"issued": 0, "moved": 0}
    assert rows() == before
    return done


def lie(node, **changes):
    """Let a node report one wrong live hash."""
    running = [
        RunningShard(shard.key, WRONG if number == 0 else shard.weights_sha256, 1)
        for number, shard in enumerate(target_of(node).shards)
    ]
    obey(node, running=running, **changes)


def test_a_rollout_is_done_when_every_node_has_proved_it(push, fleet):
    rollout = push()
    assert settle() == {"issued": 0, "moved": 0}
    obey(fleet["terminal"], fleet["edge"])
    assert settle() == {"issued": 0, "moved": 2}
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.RUNNING
    obey(fleet["cloud"])
    settle()
    rollout.refresh_from_db()
    assert (rollout.state, states(rollout)) == (RolloutState.DONE, dict.fromkeys(fleet, AssignmentState.ACTIVE))
    assert rollout.finished_at is not None
    assert Event.objects.filter(verb="rollout.done", target_id=rollout.pk).count() == 1


def test_a_wrong_hash_in_memory_opens_a_done_rollout_again_and_its_mending_closes_it(push, fleet):
    rollout = push()
    obey(*fleet.values())
    settle()
    lie(fleet["edge"])
    settle()
    rollout.refresh_from_db()
    failed = rollout.assignments.get(node=fleet["edge"])
    assert (rollout.state, rollout.finished_at) == (RolloutState.RUNNING, None)
    assert (failed.state, failed.reason) == (AssignmentState.FAILED, "live_mismatch")
    obey(fleet["edge"])
    settle()
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.DONE
    assert [e.verb for e in Event.objects.filter(target_id=rollout.pk).order_by("id")] == [
        "rollout.started",
        "rollout.done",
        "rollout.reopened",
        "rollout.done",
    ]


def test_a_node_that_is_away_is_deferred_and_catches_up(push, fleet):
    rollout = push()
    disconnect(fleet["cloud"])
    settle()
    assert states(rollout)["cloud"] == AssignmentState.DEFERRED
    connect(fleet["cloud"])
    settle()
    assert states(rollout)["cloud"] == AssignmentState.PENDING
    obey(fleet["cloud"])
    disconnect(fleet["cloud"])
    settle()
    assert states(rollout)["cloud"] == AssignmentState.ACTIVE


def test_each_step_of_a_node_is_seen(push, fleet):
    rollout = push()
    for state, wanted in [
        (wire.ReportState.ACCEPTED, "downloading"),
        (wire.ReportState.DOWNLOADING, "downloading"),
        (wire.ReportState.STAGED, "staged"),
        (wire.ReportState.PROBED, "probed"),
    ]:
        obey(fleet["edge"], state=state, serving=None, running=[])
        settle()
        assert states(rollout)["edge"] == wanted
    obey(fleet["edge"], state=wire.ReportState.FAILED, reason=wire.Reason.PROBE_FAILED, serving=None, running=[])
    settle()
    row = rollout.assignments.get(node=fleet["edge"])
    assert (row.state, row.reason) == ("failed", "probe_failed")


def test_the_revision_grows_with_whatever_the_page_would_show(push, fleet):
    rollout = push()
    seen = [Rollout.objects.get().revision]

    def grown():
        settle()
        seen.append(Rollout.objects.get().revision)
        return seen[-1] > seen[-2]

    assert not grown()
    key = target_of(fleet["edge"]).shards[0].key
    for have_bytes in (10, 20):
        held = [HeldShard(key, wire.ShardState.DOWNLOADING, have_bytes)]
        obey(fleet["edge"], state=wire.ReportState.DOWNLOADING, serving=None, running=[], shards=held)
        assert grown()
    obey(fleet["edge"], state=wire.ReportState.DOWNLOADING, serving=None, running=[], shards=held)
    assert not grown()
    assert rollout.pk == Rollout.objects.get().pk


def test_a_node_that_joins_later_gets_target_and_assignment(push, fleet, make_node):
    rollout = push()
    obey(*fleet.values())
    settle()
    late = make_node("late", tier="edge", state="pending", online=True)
    assert settle() == {"issued": 0, "moved": 0}
    nodes.approve(late, actor=TESTS)
    assert settle()["issued"] == 1
    rollout.refresh_from_db()
    assert (rollout.state, states(rollout)["late"]) == (RolloutState.RUNNING, AssignmentState.PENDING)
    obey(late)
    settle()
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.DONE


def test_a_node_that_comes_to_another_tier_gets_that_tiers_target(push, fleet, make_node):
    push()
    mover = make_node("mover", tier="edge", online=True)
    settle()
    before = target_of(mover).generation
    mover.tier = "cloud"
    mover.save()
    assert settle()["issued"] == 1
    target = target_of(mover)
    assert [shard.component for shard in target.shards] == ["fusion"]
    assert target.generation > before


def test_a_node_that_leaves_keeps_its_row_and_holds_up_nothing(push, fleet, make_node):
    rollout = push()
    broken = make_node("broken", tier="edge", online=True)
    settle()
    obey(*fleet.values())
    nodes.quarantine(broken, actor=TESTS)
    settle()
    rollout.refresh_from_db()
    assert (rollout.state, "broken" in states(rollout)) == (RolloutState.DONE, False)
    document = bytes(NodeTarget.objects.get(node=broken).document)
    nodes.release(broken, actor=TESTS)
    settle()
    assert bytes(NodeTarget.objects.get(node=broken).document) == document
    assert states(rollout)["broken"] == AssignmentState.PENDING


def test_a_target_that_was_changed_by_hand_is_issued_again(push, fleet):
    push()
    NodeTarget.objects.filter(node=fleet["edge"]).update(content_sha256=WRONG)
    assert settle()["issued"] == 1


def test_a_raised_release_epoch_issues_every_target_anew_past_what_nodes_hold(push, fleet):
    push()
    push({"fusion": "edge"}, model="eldercare")
    obey(*fleet.values())
    obey(fleet["terminal"], generation=(7, 1), serving=(7, 1))  # of a time that the restored database does not know
    assert release_epochs.raise_epoch(actor=TESTS) == 8
    assert settle()["issued"] == 3
    generations = {tier: target_of(node).generation for tier, node in fleet.items()}
    assert {epoch for epoch, _counter in generations.values()} == {8}
    assert Event.objects.get(verb="release_epoch.raised").after == {"epoch": 8}


def test_what_another_process_holds_is_passed_over(transactional_db, push, fleet):
    rollout = push()
    obey(*fleet.values())
    with transaction.atomic():
        Rollout.objects.select_for_update().get(pk=rollout.pk)
        assert at_once(reconcile.run) == [{"issued": 0, "moved": 0}]
    assert reconcile.run()["moved"] == 3


def test_pushes_of_two_models_at_once_both_stand_in_every_target(transactional_db, fleet, root, care):
    make_version(root, workload="digits")
    models = Model.objects.all()
    wishes = [(CARE, "eldercare"), ({"vision": "terminal", "head": "edge"}, "digits")]
    made = [plans.create(actor=TESTS, models=models, mapping=wish, model=name)[0] for wish, name in wishes]
    at_once(reconcile.run, *(partial(pushes.push, actor=TESTS, plan=plan) for plan in made))
    reconcile.run()
    assert [model.model for model in target_of(fleet["terminal"]).models] == ["digits", "eldercare"]
    assert Rollout.objects.filter(state="running").count() == 2


def test_two_pushes_of_one_model_at_once_leave_one_current(transactional_db, fleet, care):
    models = Model.objects.all()
    wishes = [CARE, {**CARE, "fusion": "edge"}]
    made = [plans.create(actor=TESTS, models=models, mapping=wish)[0] for wish in wishes]
    at_once(*(partial(pushes.push, actor=TESTS, plan=plan) for plan in made))
    current = Rollout.objects.get(state="running")
    assert Rollout.objects.count() == 2
    wanted = compile.contents([current])
    for tier, node in fleet.items():
        row = NodeTarget.objects.filter(node=node).first()
        assert row is None or row.content_sha256 == wanted.get(tier, compile.EMPTY).content.sha256


def test_a_quiet_second_is_a_handful_of_questions(push, fleet, make_node, django_assert_max_num_queries):
    push()
    for _ in range(20):
        make_node(tier="edge", online=True)
    reconcile.run()
    with django_assert_max_num_queries(9):  # the savepoint counts twice
        reconcile.run()
