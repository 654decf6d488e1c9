"""A round collects what comes: in time, late, twice or never; and it never waits for ever."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from aggregation.core.config import ConfigRefused
from aggregation.models import Member, Phase, Round, Update
from aggregation.services import jobs, rounds
from fleet.registry.models import Node, NodeWork, Presence, Submission
from fleet.trust.models import Event
from fleet.trust.selectors import server_key
from muster.canon import signatures
from muster.canon.signatures import Signature
from muster.wire.work import Partition, WorkReason, WorkState
from tests.aggregation.members import look, say, settle, submit, task_of, work_of
from tests.conftest import TESTS
from tests.published import make_version

pytestmark = pytest.mark.django_db


def states(round: Round) -> list[str]:
    return list(round.members.order_by("node__uid").values_list("state", flat=True))


def later(seconds: int):
    return timezone.now() + timedelta(seconds=seconds)


def offline(*nodes: Node) -> None:
    Presence.objects.filter(node__in=nodes).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_every_node_that_is_online_is_invited_with_signed_work(make_job, nodes, version):
    job = make_job()
    settle()
    round = job.rounds.get()
    assert (round.state, states(round), round.parts) == ("open", ["invited"] * 3, 3)
    for node in nodes:
        row, task = NodeWork.objects.get(node=node), task_of(node)
        signature = Signature(row.signature_algorithm, row.signature_key_id, bytes(row.signature_value))
        key = signatures.public_bytes(server_key.load())
        signatures.verify(key, signatures.NODE_WORK, bytes(row.document), signature)
        assert bytes(row.document) == work_of(node).document()  # canonical, and nothing lost on the way
        assert (task.task, task.round_number) == (str(round.phases.get().pk), 1)
        assert task.manifest_sha256 == version.manifest_sha256
        assert row.artifacts == sorted(shard.artifact_sha256 for shard in task.shards)
        assert task.partition is None


def test_a_split_of_the_included_data_gives_each_member_its_own_part(make_job, nodes):
    job = make_job(partition_alpha_millionths=300_000)
    offline(nodes[1])
    settle()
    assert job.rounds.get().parts == 3
    kept = {node.pk: task_of(node).partition for node in (nodes[0], nodes[2])}
    # A member keeps its part while others come and go.
    assert kept == {nodes[0].pk: Partition(300_000, 3, 0, 1), nodes[2].pk: Partition(300_000, 3, 2, 1)}
    for node in (nodes[0], nodes[2]):
        assert bytes(NodeWork.objects.get(node=node).document) == work_of(node).document()


def test_nodes_elsewhere_on_other_tiers_quarantined_or_too_small_are_not_invited(make_job, nodes, make_node, make_site):
    make_node(online=True, tier="cloud")
    make_node(online=True, state="quarantined")
    make_node(online=True, memory_bytes=64 << 20)
    make_node(online=True, at=make_site("south"))
    job = make_job(tiers=["terminal"])
    settle()
    assert list(job.rounds.get().members.order_by("node__uid").values_list("node", flat=True)) == [n.pk for n in nodes]


def test_a_round_without_enough_members_waits_a_moment_and_then_fails_with_the_reason(make_job, nodes):
    offline(*nodes[1:])
    Presence.objects.filter(node=nodes[0]).update(expires_at=later(600))
    job = make_job(rounds=2)
    assert look()["moved"] == 0
    assert job.rounds.get().state == "planned"
    look(now=later(int(rounds.PATIENCE.total_seconds()) + 1))
    round = job.rounds.get(number=1)
    assert round.state == "failed"
    assert round.failure == "no_members: 1 of 3 nodes that might take part are online and free; the quorum is 2"
    look()
    assert job.rounds.get(number=2).state == "planned"
    Presence.objects.filter(node__in=nodes).update(expires_at=later(60))
    look()
    assert job.rounds.get(number=2).state == "open"


def test_what_members_say_of_themselves_is_shown(make_job, nodes):
    job = make_job()
    settle()
    say(nodes[0], task_of(nodes[0]), WorkState.FETCHING)
    say(nodes[1], task_of(nodes[1]), WorkState.TRAINING)
    say(nodes[2], task_of(nodes[2]), WorkState.FAILED, WorkReason.NO_DATA, "no labelled sample")
    settle()
    round = job.rounds.get()
    assert states(round) == ["invited", "training", "dropped"]
    dropped = round.members.get(node=nodes[2])
    assert (dropped.reason, dropped.detail) == ("no_data", "no labelled sample")
    assert [bool(work_of(node).tasks) for node in nodes] == [True, True, False]


def test_a_node_that_is_quarantined_drops_out_and_has_no_more_work(make_job, nodes):
    job = make_job()
    settle()
    Node.objects.filter(pk=nodes[0].pk).update(state="quarantined")
    settle()
    assert states(job.rounds.get())[0] == "dropped"
    assert work_of(nodes[0]).tasks == []


def test_the_round_closes_when_everybody_has_answered(make_job, nodes):
    job = make_job()
    settle()
    submit(nodes[0], task_of(nodes[0]))
    submit(nodes[1], task_of(nodes[1]))
    look()
    assert (job.rounds.get().state, job.rounds.get().phases.get().grace_until is not None) == ("open", True)
    say(nodes[2], task_of(nodes[2]), WorkState.FAILED, WorkReason.MEMORY_SHORT)
    settle()
    round = job.rounds.get()
    assert (round.state, states(round)) == ("aggregating", ["received", "received", "dropped"])
    assert [work_of(node).tasks for node in nodes] == [[], [], []]


def test_after_the_quorum_the_others_have_a_grace_and_no_more(make_job, nodes):
    job = make_job(grace_s=60)
    settle()
    for node in nodes[:2]:
        submit(node, task_of(node))
    settle()
    assert look(now=later(50))["moved"] == 0
    look(now=later(61))
    round = job.rounds.get()
    assert (round.state, states(round)) == ("aggregating", ["received", "received", "dropped"])


def test_the_grace_ends_with_the_deadline(make_job, nodes):
    job = make_job(grace_s=600, deadline_s=600)
    settle()
    for node in nodes[:2]:
        submit(node, task_of(node))
    look(now=later(500))
    phase = job.rounds.get().phases.get()
    assert phase.grace_until == phase.deadline_at


def test_a_missed_quorum_fails_the_round_at_the_deadline_and_the_next_begins_on_the_last_good_version(
    make_job, nodes, version
):
    job = make_job(rounds=2)
    settle()
    submit(nodes[0], task_of(nodes[0]))
    look()
    assert look(now=later(599))["moved"] == 0
    look(now=later(601))
    first = job.rounds.get(number=1)
    assert (first.state, first.failure) == ("failed", "quorum_missed: 1 updates came; the quorum is 2")
    assert states(first) == ["received", "dropped", "dropped"]
    settle()
    assert job.rounds.get(number=2).base_version == version
    assert task_of(nodes[0]).round_number == 2


def test_a_quorum_that_nobody_can_reach_any_more_is_not_waited_for(make_job, nodes):
    job = make_job(rounds=1)
    settle()
    for node in nodes[:2]:
        say(node, task_of(node), WorkState.FAILED, WorkReason.DISK_FULL)
    settle()
    assert job.rounds.get().failure == "quorum_missed: 0 updates came; the quorum is 2"


def test_an_update_that_comes_too_late_counts_for_nothing_and_is_shown_as_late(make_job, nodes):
    job = make_job()
    settle()
    task = task_of(nodes[2])
    for node in nodes[:2]:
        submit(node, task_of(node))
    settle()
    settle(now=later(61))
    submit(nodes[2], task)
    settle()
    round = job.rounds.get()
    assert states(round) == ["received", "received", "late"]
    assert Update.objects.count() == 2


def test_of_two_attempts_the_first_complete_one_counts(make_job, nodes):
    make_job()
    settle()
    task = task_of(nodes[0])
    submit(nodes[0], task, attempt=1, state=Submission.State.OPEN)
    second = submit(nodes[0], task, attempt=2)
    settle()
    third = submit(nodes[0], task, attempt=3)
    settle()
    assert Update.objects.get().attempt == second.attempt != third.attempt


def test_two_attempts_that_are_complete_at_the_first_look_are_one_update(make_job, nodes):
    make_job()
    settle()
    task = task_of(nodes[0])
    later_one = submit(nodes[0], task, attempt=1)
    earlier = submit(nodes[0], task, attempt=2)
    Submission.objects.filter(pk=later_one.pk).update(completed_at=F("completed_at") + timedelta(seconds=9))
    settle()
    assert Update.objects.get().attempt == earlier.attempt


def test_what_a_stranger_to_the_round_hands_over_is_nobodys(make_job, nodes, make_node):
    make_job(tiers=["terminal"])
    settle()
    stranger = make_node(tier="cloud", online=True)
    submit(stranger, task_of(nodes[0]))
    settle()
    assert not Update.objects.exists()
    assert not Member.objects.filter(node=stranger).exists()


def test_a_second_look_changes_nothing(make_job, nodes):
    job = make_job()
    settle()
    for node in nodes[:2]:
        submit(node, task_of(node))
    settle()
    job.refresh_from_db()
    before = (job.revision, Event.objects.count(), list(NodeWork.objects.order_by("node").values_list("counter")))
    assert look() == {"moved": 0, "late": 0, "issued": 0}
    job.refresh_from_db()
    assert before == (
        job.revision, Event.objects.count(), list(NodeWork.objects.order_by("node").values_list("counter")),
    )  # fmt: skip
    assert Phase.objects.get().state == "open"


def test_rounds_of_two_models_are_in_one_document(make_job, nodes, root):
    make_job()
    other = make_version(root, workload="eldercare")
    jobs.create(actor=TESTS, model=other.model, config={"push": False})
    settle()
    tasks = work_of(nodes[0]).tasks
    assert {task.model for task in tasks} == {"numbers", "eldercare"}
    assert [task.task for task in tasks] == sorted(task.task for task in tasks)
    assert bytes(NodeWork.objects.get(node=nodes[0]).document) == work_of(nodes[0]).document()


def test_the_trouble_of_one_job_is_not_the_others(make_job, nodes, root):
    first = make_job()
    other = make_version(root, workload="eldercare")
    second = jobs.create(actor=TESTS, model=other.model, config={"push": False})
    type(first).objects.filter(pk=first.pk).update(config={"rounds": "broken"})
    with pytest.raises(ConfigRefused):
        look()
    assert (first.rounds.get().state, second.rounds.get().state) == ("planned", "open")
    assert [task.model for task in work_of(nodes[0]).tasks] == ["eldercare"]
