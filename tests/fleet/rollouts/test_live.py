"""Pulse reconciles each second and tells the pages of a rollout that moved."""

import pytest
from django.contrib.auth.models import AnonymousUser

from fleet.rollouts.services.beat import Progress
from fleet.telemetry.core.topics import Kind, Topic, parse
from fleet.telemetry.selectors import watching
from fleet.telemetry.services import pulse as pulses
from fleet.telemetry.services.pulse import Pulse
from muster.ids import uuid7
from tests.fleet.rollouts.conftest import obey


def test_a_rollout_is_told_when_it_moved_and_only_then(push, fleet):
    rollout = push()
    progress = Progress()
    (message,) = progress(5)
    assert message == {
        "type": "live.message",
        "topic": f"rollout.{rollout.pk}",
        "seq": 1,
        "at": 5,
        "data": {"revision": message["data"]["revision"], "counts": {"pending": 3}},
    }
    assert progress(6) == []
    obey(fleet["edge"])
    (message,) = progress(7)
    assert (message["seq"], message["data"]["counts"]) == (2, {"active": 1, "pending": 2})


def test_a_superseded_rollout_is_told_so(push, fleet):
    first = push()
    progress = Progress()
    progress(1)
    push({"fusion": "edge"}, model="eldercare")
    told = {message["topic"]: message["data"]["counts"] for message in progress(2)}
    assert told[f"rollout.{first.pk}"] == {"superseded": 3}
    assert len(told) == 2


def test_only_who_sees_the_model_may_watch_its_rollout(push, administrator, operator, user, make_user, make_site):
    topic = Topic(Kind.ROLLOUT, push().pk)
    assert parse(topic.name) == topic
    assert watching.allowed(administrator, [topic]) == {topic}
    other = make_user("other", (make_site("south"), "administrator"))
    for person in (operator, user, other, AnonymousUser()):
        assert watching.allowed(person, [topic]) == set()
    assert watching.allowed(administrator, [Topic(Kind.ROLLOUT, uuid7()), Topic(Kind.NODE, topic.id)]) == set()


@pytest.fixture
def pulse(transactional_db):
    pulse = Pulse()
    yield pulse
    pulse.stop()


def test_pulse_runs_the_reconciler_and_publishes_what_it_says(pulse, push, fleet):
    rollout = push()
    obey(*fleet.values())
    topics = {message["topic"]: message["data"] for message in pulse.tick()}
    assert topics[f"rollout.{rollout.pk}"]["counts"] == {"active": 3}
    rollout.refresh_from_db()
    assert rollout.state == "done"


def test_a_part_that_fails_is_logged_once_and_stops_nothing(pulse, make_node, monkeypatch, capsys):
    calls = []

    def broken(_at):
        calls.append(1)
        raise RuntimeError("out of order")

    monkeypatch.setattr(pulses, "parts", {"broken": lambda: broken, "whole": lambda: lambda at: [{"topic": "x"}]})
    make_node(online=True)
    for _ in range(2):
        assert {"topic": "x"} in pulse.tick()
    assert len(calls) == 2
    assert capsys.readouterr().out.count("pulse.part_failed") <= 1


def test_a_part_starts_anew_with_the_lease(pulse, monkeypatch):
    made = []

    def make():
        made.append(1)
        return lambda _at: []

    monkeypatch.setattr(pulses, "parts", {"counted": make})
    pulse.tick()
    pulse.tick()
    assert len(made) == 1
    pulse.stop()
    other = Pulse()
    other.tick()
    pulse.tick()  # stand-by: forgets
    other.stop()
    pulse.tick()
    assert len(made) == 3
