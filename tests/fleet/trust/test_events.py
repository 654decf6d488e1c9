"""An event says who did what to what, and is seen by those who see the place."""

import uuid

import pytest

from fleet.trust.models import Event
from fleet.trust.selectors import events as selectors
from fleet.trust.services import events
from fleet.trust.services.actors import Actor


def record(actor: Actor, site, **more) -> Event:
    return events.record(
        "thing.done", actor=actor, target_kind="thing", target_id=uuid.uuid4(), target_label="t", site=site, **more
    )


def test_an_event_names_a_person_a_node_or_a_part_of_the_system(viewer, site):
    uid = uuid.uuid4()
    actors = [Actor.user(viewer, "192.0.2.1"), Actor.node(uid, "press"), Actor.system("pulse")]
    made = [record(actor, site) for actor in actors]
    assert [(e.actor_kind, e.actor_label, e.actor, e.address) for e in made] == [
        ("user", "viewer", viewer, "192.0.2.1"),
        ("node", "press", None, None),
        ("system", "pulse", None, None),
    ]


def test_what_is_too_long_for_its_column_is_cut(site):
    event = record(Actor.system("x" * 200), site, reason="y" * 1000)
    event.refresh_from_db()
    assert (len(event.actor_label), len(event.reason)) == (150, 400)


def test_an_event_outlives_the_person_who_caused_it(make_user, site):
    person = make_user("ann")
    event = record(Actor.user(person), site)
    person.delete()
    event.refresh_from_db()
    assert (event.actor, event.actor_label) == (None, "ann")


@pytest.mark.parametrize(("who", "seen"), [("viewer", True), ("user", False)])
def test_an_event_is_seen_by_those_who_see_its_site(request, site, who, seen):
    event = record(Actor.system("x"), site)
    person = request.getfixturevalue(who)
    assert (event in selectors.listing(person)) is seen
    assert selectors.about(person, event.target_id).exists() is seen


def test_the_newest_event_comes_first(viewer, site):
    first, second = record(Actor.system("x"), site), record(Actor.system("x"), site)
    listed = [event.pk for event in selectors.listing(viewer)]
    assert listed.index(second.pk) < listed.index(first.pk)
