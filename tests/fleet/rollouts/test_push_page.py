"""The page of a push, and a node's shards: desired against reported, with reasons in words."""

import re

import pytest
from django.urls import reverse

from fleet.registry.models.target_labels import REASONS, REPORT_STATES, SHARD_STATES
from fleet.rollouts.services import reconcile
from muster.clock import now_us
from muster.wire import messages
from muster.wire.targets import Reason, ReportState, ShardState
from tests.fleet.rollouts.conftest import disconnect, obey, target_of


def words(answer):
    """Return the text of a page with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


@pytest.fixture
def owner(client, administrator):
    client.force_login(administrator)
    return client


def progress(owner, rollout, **query):
    reconcile.run()
    return owner.get(reverse("rollout", args=[rollout.pk]), query)


def lines(answer):
    return {line.node.name: line for line in answer.context["lines"]}


def wrong(node):
    """Return what a node runs where every tensor is another."""
    return [messages.RunningShard(shard.key, "f" * 64, now_us()) for shard in target_of(node).shards]


def test_every_reason_and_state_has_its_words():
    assert set(REASONS) == set(Reason)
    assert all(str(words.name) and str(words.advice) for reason, words in REASONS.items() if reason)
    assert set(REPORT_STATES) == set(ReportState)
    assert set(SHARD_STATES) == set(ShardState)


def test_a_push_that_nobody_has_taken_waits(owner, push):
    answer = progress(owner, push())
    assert [(piece.state, piece.count) for piece in answer.context["pieces"]] == [("pending", 3)]
    assert "0 of 3 nodes prove that they run the plan." in words(answer)
    assert "reports none" in words(answer)


def test_nodes_that_prove_it_are_counted_and_matched(owner, push, fleet):
    rollout = push()
    obey(*fleet.values())
    answer = progress(owner, rollout)
    assert "All 3 nodes prove that they run the plan." in words(answer)
    edge = lines(answer)["edge"]
    assert (edge.matching, edge.differing, edge.is_behind) == (1, 0, False)
    assert edge.fetched_bytes == edge.total_bytes > 0
    assert edge.proven_at is not None


def test_a_failed_node_says_why_and_what_to_do(owner, push, fleet):
    rollout = push()
    obey(
        fleet["edge"],
        state=ReportState.FAILED,
        reason=Reason.MEMORY_SHORT,
        detail="412 MiB are needed",
        serving=None,
        running=[],
    )
    page = words(progress(owner, rollout))
    assert "1 failed and tries again." in page
    assert "Memory does not suffice" in page
    assert "Place a component elsewhere or choose a smaller variant, and push again. 412 MiB are needed" in page


def test_wrong_tensors_in_memory_are_a_difference_and_a_failure(owner, push, fleet):
    rollout = push()
    obey(fleet["edge"], running=wrong(fleet["edge"]))
    answer = progress(owner, rollout)
    assert lines(answer)["edge"].differing == 1
    assert "The tensors in memory are not those of the plan" in words(answer)


def test_bytes_on_their_way_are_shown(owner, push, fleet):
    rollout = push()
    held = [messages.HeldShard(shard.key, ShardState.DOWNLOADING, 10) for shard in target_of(fleet["edge"]).shards]
    obey(fleet["edge"], state=ReportState.DOWNLOADING, serving=None, running=[], shards=held)
    line = lines(progress(owner, rollout))["edge"]
    assert (line.assignment.state, line.fetched_bytes) == ("downloading", 10)


def test_an_offline_node_catches_up_and_is_said_so(owner, push, fleet):
    rollout = push()
    disconnect(fleet["terminal"])
    assert "1 is offline and catches up." in words(progress(owner, rollout))


def test_the_state_in_the_address_narrows_the_nodes(owner, push, fleet):
    rollout = push()
    obey(fleet["edge"], fleet["cloud"])
    assert set(lines(progress(owner, rollout, state="active"))) == {"edge", "cloud"}
    assert set(lines(progress(owner, rollout, state="pending"))) == {"terminal"}
    assert "No node is in the state Failed" in words(progress(owner, rollout, state="failed"))
    assert len(lines(progress(owner, rollout, state="sparkling"))) == 3


@pytest.mark.parametrize("panel", ["rollout-head", "rollout-nodes"])
def test_a_panel_alone_is_answered_where_the_page_asks_for_it(owner, push, panel):
    address = reverse("rollout", args=[push().pk])
    body = owner.get(address, headers={"hx-request": "true", "hx-target": panel}).content.decode()
    assert f'id="{panel}"' in body
    assert "<html" not in body


def test_the_page_watches_its_topic_and_leads_back(owner, push):
    first = push()
    second = push({"fusion": "edge"})
    page = progress(owner, second).content.decode()
    assert f'data-topic="rollout.{second.pk}"' in page
    assert reverse("rollout", args=[first.pk]) in page
    assert "A later push took over." in words(progress(owner, first))


def test_whoever_sees_one_factory_alone_finds_no_push(client, viewer, user, push):
    rollout = push()
    for person in (viewer, user):
        client.force_login(person)
        assert client.get(reverse("rollout", args=[rollout.pk])).status_code == 404


def test_a_colleague_follows_a_push(client, make_user, root, push):
    client.force_login(make_user("colleague", (root, "viewer")))
    assert client.get(reverse("rollout", args=[push().pk])).status_code == 200


def test_a_node_shows_its_shards_against_its_target(owner, push, fleet):
    push()
    address = reverse("node-shards", args=[fleet["edge"].uid])
    assert "The node has not taken the newest target yet." in words(owner.get(address))
    obey(fleet["edge"])
    answer = owner.get(address)
    assert "1 of 1 shard matches" in words(answer)
    assert target_of(fleet["edge"]).shards[0].weights_sha256 in answer.content.decode()


def test_a_mismatch_shows_both_hashes_and_what_to_do(owner, push, fleet):
    push()
    obey(fleet["edge"], running=wrong(fleet["edge"]))
    answer = owner.get(reverse("node-shards", args=[fleet["edge"].uid]))
    assert "0 of 1 shard matches" in words(answer)
    assert "They are loaded again by themselves." in words(answer)
    assert "f" * 64 in answer.content.decode()


def test_a_node_without_a_target_says_so(owner, pin, make_node):
    node = make_node("idle", online=True)
    assert "This node shall run nothing" in words(owner.get(reverse("node-shards", args=[node.uid])))
    assert (
        reverse("node-shards", args=[node.uid])
        in owner.get(reverse("node", args=[node.uid]), {"tab": "shards"}).content.decode()
    )


def test_the_shards_of_a_node_are_for_who_sees_the_node(client, viewer, user, push, fleet):
    rollout = push()
    address = reverse("node-shards", args=[fleet["edge"].uid])
    client.force_login(viewer)  # sees the node and not the tenant's plans
    page = client.get(address).content.decode()
    assert rollout.plan.plan_sha256[:8] in page
    assert reverse("plan", args=[rollout.plan_id]) not in page
    client.force_login(user)
    assert client.get(address).status_code == 404


def test_the_sentence_of_a_node_tells_of_its_target(owner, push, fleet):
    push()
    obey(fleet["edge"], running=wrong(fleet["edge"]))
    assert "It runs other weights than were published." in words(owner.get(reverse("node", args=[fleet["edge"].uid])))


def test_the_overview_shows_running_pushes_until_they_are_done(owner, push, fleet):
    rollout = push()
    obey(fleet["edge"])
    reconcile.run()
    page = words(owner.get(reverse("overview")))
    assert "1 of 3 nodes prove that they run the plan." in page
    assert reverse("rollout", args=[rollout.pk]) in owner.get(reverse("overview")).content.decode()
    obey(*fleet.values())
    reconcile.run()
    assert "No push and no training round is running." in words(owner.get(reverse("overview")))


def test_search_finds_models_and_plans(owner, push):
    rollout = push()
    found = owner.get(reverse("search"), {"q": "elder"}).content.decode()
    assert reverse("model", args=[rollout.model_id]) in found
    assert reverse("plan", args=[rollout.plan_id]) in found
    found = owner.get(reverse("search"), {"q": rollout.plan.plan_sha256[:6]}).content.decode()
    assert reverse("plan", args=[rollout.plan_id]) in found
