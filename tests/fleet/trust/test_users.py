"""Accounts, roles and their end."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate

from fleet.trust.models import Event, Grant, User
from fleet.trust.services import access_tokens, grants, users
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import InvalidInput

TESTS = Actor.system("tests")


def test_a_made_up_password_signs_in_and_is_kept_only_as_a_hash(site):
    made, password = users.create(actor=TESTS, username="ann", grants=[(site, "operator")])
    assert authenticate(username="ann", password=password) == made
    assert password not in made.password
    assert len(password) >= 20


def test_an_account_and_its_roles_leave_events_without_the_password(site):
    made, password = users.create(actor=TESTS, username="ann", grants=[(site, "operator")])
    events = Event.objects.filter(target_id=made.pk).order_by("at", "id")
    assert [(event.verb, event.site) for event in events] == [("user.created", site), ("grant.given", site)]
    assert password not in str([(event.before, event.after, event.reason) for event in events])


@pytest.mark.django_db
def test_a_taken_name_is_refused(user):
    with pytest.raises(users.UserExists):
        users.create(actor=TESTS, username=user.username)


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [("", None, "username"), ("a b", None, "username"), ("x" * 151, None, "username"), ("ann", "short", "password")],
)
@pytest.mark.django_db
def test_a_bad_name_or_password_is_refused(username, password, field):
    with pytest.raises(InvalidInput) as caught:
        users.create(actor=TESTS, username=username, password=password)
    assert list(caught.value.fields) == [field]
    assert not User.objects.exists()


def test_an_account_with_an_unknown_role_is_not_made_at_all(site):
    with pytest.raises(InvalidInput):
        users.create(actor=TESTS, username="ann", grants=[(site, "owner")])
    assert not User.objects.filter(username="ann").exists()
    assert not Event.objects.filter(verb="user.created").exists()


def test_a_role_at_a_site_is_replaced_and_the_event_says_both(viewer, site):
    grants.give(actor=TESTS, user=viewer, site=site, role="operator")
    assert Grant.objects.get(user=viewer).role == "operator"
    event = Event.objects.filter(verb="grant.given").latest("at")
    assert (event.before, event.after) == ({"role": "viewer"}, {"role": "operator"})


def test_giving_the_same_role_again_changes_nothing(viewer, site):
    before = Event.objects.count()
    grants.give(actor=TESTS, user=viewer, site=site, role="viewer")
    assert Event.objects.count() == before


def test_a_role_that_is_not_held_cannot_be_taken(user, site):
    assert grants.take(actor=TESTS, user=user, site=site) is False
    assert not Event.objects.filter(verb="grant.taken").exists()


def test_a_deactivated_person_neither_signs_in_nor_acts_by_token(make_user, site, client):
    person, password = users.create(actor=TESTS, username="ann", grants=[(site, "viewer")])
    _token, secret = access_tokens.create(actor=TESTS, user=person, name="x", lifetime=timedelta(days=1))
    client.force_login(person)
    assert users.deactivate(person, actor=TESTS) is True
    assert users.deactivate(person, actor=TESTS) is False
    assert authenticate(username="ann", password=password) is None
    assert access_tokens.authenticate(secret) is None
    assert client.get("/api/v1/me").status_code == 401
    assert Event.objects.filter(verb="user.deactivated").count() == 1


def test_an_account_that_is_active_again_does_not_get_its_tokens_back(viewer):
    _token, secret = access_tokens.create(actor=TESTS, user=viewer, name="x", lifetime=timedelta(days=1))
    users.deactivate(viewer, actor=TESTS)
    User.objects.filter(pk=viewer.pk).update(is_active=True)
    assert access_tokens.authenticate(secret) is None
