"""Tokens are shown once, kept as hashes, counted, and end."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from fleet.trust.models import AccessToken, EnrolmentToken, Event
from fleet.trust.selectors import enrolment_tokens as selectors
from fleet.trust.services import access_tokens, enrolment_tokens, pruning
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, InvalidInput

TESTS = Actor.system("tests")
DAY = timedelta(days=1)


def test_a_secret_is_kept_nowhere(make_token):
    token, secret = make_token()
    assert re.fullmatch(r"mst_[a-z2-7]{32}", secret)
    stored = str(list(EnrolmentToken.objects.values())) + str(list(Event.objects.values()))
    assert secret not in stored
    assert secret[8:] not in stored
    assert token.hint == secret[:8]


def test_a_new_token_leaves_an_event_with_its_policy(make_token, site):
    token, _secret = make_token(auto_approve=True, max_uses=3)
    event = Event.objects.get(verb="enrolment_token.created")
    assert (event.target_id, event.site) == (token.pk, site)
    assert (event.after["auto_approve"], event.after["max_uses"], event.after["tier"]) == (True, 3, "terminal")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"lifetime": timedelta(hours=1, seconds=1)}, "lifetime"),
        ({"lifetime": timedelta(0)}, "lifetime"),
        ({"lifetime": -DAY}, "lifetime"),
        ({"max_uses": 0}, "max_uses"),
        ({"max_uses": 1001}, "max_uses"),
        ({"tier": "sky"}, "tier"),
    ],
)
def test_a_token_out_of_bounds_is_refused(make_token, options, field):
    with pytest.raises(InvalidInput) as caught:
        make_token(**options)
    assert list(caught.value.fields) == [field]
    assert not EnrolmentToken.objects.exists()


def test_a_token_may_live_for_the_whole_hour(make_token):
    token, _secret = make_token(lifetime=timedelta(hours=1))
    assert timedelta(minutes=59) < token.expires_at - timezone.now() <= timedelta(hours=1)


def test_a_token_is_revoked_once(make_token):
    token, _secret = make_token()
    enrolment_tokens.revoke(token, actor=TESTS, reason="leaked")
    with pytest.raises(Conflict):
        enrolment_tokens.revoke(token, actor=TESTS)
    assert Event.objects.get(verb="enrolment_token.revoked").reason == "leaked"


def test_redeeming_counts_each_use(make_token):
    token, secret = make_token(max_uses=2)
    enrolment_tokens.redeem(secret)
    assert enrolment_tokens.redeem(secret).uses == 2
    with pytest.raises(enrolment_tokens.TokenUsedUp):
        enrolment_tokens.redeem(secret)
    assert EnrolmentToken.objects.get(pk=token.pk).uses == 2


def test_only_usable_tokens_are_offered(make_token, operator):
    good = make_token()[0]
    revoked, expired, used = make_token()[0], make_token()[0], make_token()[0]
    enrolment_tokens.revoke(revoked, actor=TESTS)
    EnrolmentToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    EnrolmentToken.objects.filter(pk=used.pk).update(uses=1)
    assert list(selectors.usable(operator)) == [good]
    assert selectors.listing(operator).count() == 4


def test_an_access_token_acts_as_its_person_until_it_is_revoked(viewer):
    token, secret = access_tokens.create(actor=TESTS, user=viewer, name="grafana", lifetime=DAY)
    assert access_tokens.authenticate(secret) == viewer
    access_tokens.revoke(token, actor=TESTS)
    assert access_tokens.authenticate(secret) is None
    with pytest.raises(Conflict):
        access_tokens.revoke(token, actor=TESTS)


@pytest.mark.parametrize("secret", ["", "mat_", "mat_" + "a" * 32, "\0", "ÿ"])
@pytest.mark.django_db
def test_an_unknown_access_token_is_nobody(secret):
    assert access_tokens.authenticate(secret) is None


def test_an_expired_access_token_is_nobody(viewer):
    token, secret = access_tokens.create(actor=TESTS, user=viewer, name="x", lifetime=DAY)
    AccessToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert access_tokens.authenticate(secret) is None


def test_an_enrolment_token_is_no_access_token(make_token):
    assert access_tokens.authenticate(make_token()[1]) is None


def test_the_use_of_an_access_token_is_noted_at_most_once_a_minute(viewer, django_assert_num_queries):
    token, secret = access_tokens.create(actor=TESTS, user=viewer, name="x", lifetime=DAY)
    with django_assert_num_queries(2):
        access_tokens.authenticate(secret)
    with django_assert_num_queries(1):
        access_tokens.authenticate(secret)
    before = timezone.now() - timedelta(minutes=2)
    AccessToken.objects.filter(pk=token.pk).update(last_used_at=before)
    access_tokens.authenticate(secret)
    assert AccessToken.objects.get(pk=token.pk).last_used_at > before


@pytest.mark.parametrize(("name", "lifetime"), [("", DAY), ("x" * 81, DAY), ("x", timedelta(0)), ("x", 400 * DAY)])
def test_an_access_token_out_of_bounds_is_refused(viewer, name, lifetime):
    with pytest.raises(InvalidInput):
        access_tokens.create(actor=TESTS, user=viewer, name=name, lifetime=lifetime)


def test_pruning_drops_what_ended_long_ago_and_nothing_else(make_token, make_node, viewer):
    old, fresh = make_token()[0], make_token()[0]
    EnrolmentToken.objects.filter(pk=old.pk).update(expires_at=timezone.now() - 2 * DAY)
    node = make_node()
    type(node).objects.filter(pk=node.pk).update(token=old)
    access, _secret = access_tokens.create(actor=TESTS, user=viewer, name="x", lifetime=DAY)
    AccessToken.objects.filter(pk=access.pk).update(expires_at=timezone.now() - 31 * DAY)
    assert pruning.prune() == {"enrolment_tokens": 1, "access_tokens": 1, "sessions": 0}
    assert pruning.prune() == {"enrolment_tokens": 0, "access_tokens": 0, "sessions": 0}
    assert list(EnrolmentToken.objects.all()) == [fresh]
    node.refresh_from_db()
    assert node.token is None
