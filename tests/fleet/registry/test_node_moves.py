"""A node moves along the table and no other way, once, with its event."""

import copy
import threading

import pytest
from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from fleet.registry.core.node_states import MOVES, STEPS, Action, NodeState, actions, sources
from fleet.registry.models import Node
from fleet.registry.services import nodes
from fleet.trust.models import Event
from fleet.trust.services.actors import Actor

TESTS = Actor.system("tests")
PAIRS = [(state, action) for state in NodeState for action in Action]


def test_the_actions_are_exactly_the_moves_of_the_table():
    reached = {(before, step.after) for step in STEPS.values() for before in step.before}
    assert reached == {(before, after) for before, afters in MOVES.items() for after in afters}


def test_each_move_has_one_action():
    edges = [(before, step.after) for step in STEPS.values() for before in step.before]
    assert len(edges) == len(set(edges))


def test_nothing_leads_out_of_retirement():
    assert actions(NodeState.RETIRED) == []
    assert all(NodeState.RETIRED not in sources(state) for state in NodeState)


@pytest.mark.parametrize(("state", "action"), PAIRS)
def test_an_action_moves_a_node_or_is_refused_as_the_table_says(make_node, operator, state, action):
    node = make_node(state=state)
    step = STEPS[action]
    if state in step.before:
        moved = nodes.move(node, action, actor=Actor.user(operator, "192.0.2.1"), reason="because")
        assert (moved.state, moved.decided_by) == (step.after, operator)
        event = Event.objects.get(target_id=node.uid)
        assert (event.verb, event.before, event.after) == (step.verb, {"state": state}, {"state": step.after})
        assert (event.actor, event.reason, event.address, event.site) == (operator, "because", "192.0.2.1", node.site)
    else:
        with pytest.raises(nodes.IllegalMove):
            nodes.move(node, action, actor=Actor.user(operator))
        assert Node.objects.get(pk=node.pk).state == state
        assert not Event.objects.filter(target_id=node.uid).exists()


@pytest.mark.parametrize("action", Action)
def test_every_action_has_its_own_service(make_node, action):
    node = make_node(state=min(STEPS[action].before))
    service = getattr(nodes, action)
    assert service(node, actor=TESTS).state == STEPS[action].after


def test_a_stale_object_does_not_move_a_node_that_has_moved_on(make_node):
    node = make_node(state="pending")
    stale = Node.objects.get(pk=node.pk)
    nodes.refuse(node, actor=TESTS)
    with pytest.raises(nodes.IllegalMove):
        nodes.approve(stale, actor=TESTS)
    assert stale.state == "retired"


def test_a_move_that_is_rolled_back_leaves_no_event(make_node):
    node = make_node(state="pending")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        nodes.approve(node, actor=TESTS)
        raise ZeroDivisionError
    assert Node.objects.get(pk=node.pk).state == "pending"
    assert not Event.objects.filter(target_id=node.uid).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_approve_at_once_one_wins(make_node):
    node = make_node(state="pending")
    assert sorted(at_once(node, [Action.APPROVE, Action.APPROVE])) == ["approve", "illegal_move"]
    assert Event.objects.filter(verb="node.approved").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_approve_and_refuse_at_once_one_wins_and_the_event_tells_which(make_node):
    node = make_node(state="pending")
    outcomes = at_once(node, [Action.APPROVE, Action.REFUSE] * 4)
    node.refresh_from_db()
    assert outcomes.count("illegal_move") == 7
    won = next(Action(outcome) for outcome in outcomes if outcome != "illegal_move")
    assert node.state == STEPS[won].after
    assert list(Event.objects.filter(target_id=node.uid).values_list("verb", flat=True)) == [STEPS[won].verb]


@pytest.mark.django_db(transaction=True)
def test_the_hint_is_sent_after_the_commit_and_not_after_a_rollback(make_node):
    first, second = make_node(state="pending"), make_node(state="pending")
    with Redis.from_url(settings.MUSTER_REDIS_URL) as client, client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(nodes.CHANGED)
        heard.get_message(timeout=5)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            nodes.approve(first, actor=TESTS)
            raise ZeroDivisionError
        nodes.approve(second, actor=TESTS)
        message = next(message for message in iter(lambda: heard.get_message(timeout=5), ...) if message)
    assert message["data"].decode() == str(second.uid)


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_is_away_stops_no_move(make_node, settings):
    settings.MUSTER_REDIS_URL = "unix:///nowhere/valkey.sock"
    assert nodes.approve(make_node(state="pending"), actor=TESTS).state == "active"


def at_once(node: Node, wishes: list[Action]) -> list[str]:
    """Do every wish from its own thread at once, and return what became of each."""
    outcomes: list[str] = []
    start = threading.Barrier(len(wishes))

    def wish(action: Action) -> None:
        mine = copy.copy(node)  # no query before the start: a waiting thread must not hold a connection
        start.wait(timeout=30)
        try:
            nodes.move(mine, action, actor=TESTS)
            outcomes.append(action.value)
        except nodes.IllegalMove as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=wish, args=[action]) for action in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes
