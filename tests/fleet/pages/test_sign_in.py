"""Signing in: clear, safe about `next`, and slow for those who guess."""

import pytest
from django.test import Client
from django.urls import reverse

from fleet.trust.views.session import ATTEMPTS, ATTEMPTS_OF_AN_ADDRESS

PASSWORD = "a-long-enough-passphrase"
pytestmark = pytest.mark.usefixtures("unthrottled")


def sign_in(client, username, password, address="192.0.2.1", **more):
    form = {"username": username, "password": password, **more}
    return client.post(reverse("sign-in"), form, REMOTE_ADDR=address)


def statuses(client, count, address="192.0.2.1"):
    """Try `count` names once each; return the last answer's status."""
    return [sign_in(client, f"name-{number}", "guess", address).status_code for number in range(count)][-1]


def test_the_right_password_leads_to_the_wanted_page(client, viewer):
    answer = sign_in(client, "viewer", PASSWORD, next="/nodes/")
    assert (answer.status_code, answer["Location"]) == (302, "/nodes/")


def test_another_server_is_never_where_signing_in_leads(client, viewer):
    assert sign_in(client, "viewer", PASSWORD, next="https://evil.example/")["Location"] == reverse("overview")


def test_a_wrong_name_and_a_wrong_password_look_the_same(client, viewer):
    wrong_password = sign_in(client, "viewer", "not-the-passphrase").context["form"].non_field_errors()
    wrong_name = sign_in(client, "nobody", PASSWORD).context["form"].non_field_errors()
    assert len(wrong_password) == 1
    assert wrong_password == wrong_name


def test_after_ten_failures_even_the_right_password_has_to_wait(client, viewer):
    for _attempt in range(ATTEMPTS):
        assert sign_in(client, "viewer", "not-the-passphrase").status_code == 200
    answer = sign_in(client, "viewer", PASSWORD)
    assert (answer.status_code, answer["Retry-After"]) == (429, "300")
    assert "5 minutes" in answer.content.decode()


def test_one_persons_failures_do_not_lock_out_another(client, viewer, operator):
    for _attempt in range(ATTEMPTS + 1):
        sign_in(client, "viewer", "not-the-passphrase")
    assert sign_in(client, "operator", PASSWORD).status_code == 302


def test_a_success_forgets_the_failures_before_it(client, viewer):
    for _attempt in range(ATTEMPTS - 1):
        sign_in(client, "viewer", "not-the-passphrase")
    assert sign_in(client, "viewer", PASSWORD).status_code == 302
    client.post(reverse("sign-out"))
    assert sign_in(client, "viewer", "not-the-passphrase").status_code == 200


def test_signing_out_is_a_post(client, viewer):
    client.force_login(viewer)
    assert client.get(reverse("sign-out")).status_code == 405
    assert client.post(reverse("sign-out"))["Location"] == reverse("sign-in")


def test_an_address_that_tries_many_names_has_to_wait(client, viewer):
    assert statuses(client, ATTEMPTS_OF_AN_ADDRESS) == 200
    assert sign_in(client, "viewer", PASSWORD).status_code == 429
    assert sign_in(client, "viewer", PASSWORD, address="192.0.2.2").status_code == 302


def test_an_account_of_ones_own_opens_no_door_to_more_guesses(client, viewer):
    assert statuses(client, ATTEMPTS_OF_AN_ADDRESS - 1) == 200
    assert sign_in(client, "viewer", PASSWORD).status_code == 302
    assert sign_in(Client(), "name-1", "guess").status_code == 429


def test_the_addresses_of_one_ipv6_network_are_counted_together(client, viewer):
    assert statuses(client, ATTEMPTS_OF_AN_ADDRESS, "2001:db8::1") == 200
    assert sign_in(client, "viewer", PASSWORD, address="2001:db8::ffff:1").status_code == 429
    assert sign_in(client, "viewer", PASSWORD, address="2001:db8:0:1::1").status_code == 302


@pytest.mark.parametrize("name", ["a\nb", "\0", "x" * 100_000, "名字", "\u202eresu"])
def test_any_typed_name_is_counted_and_refused(client, name, db):
    for _attempt in range(ATTEMPTS):
        assert sign_in(client, name, "guess").status_code == 200
    assert sign_in(client, name, "guess").status_code == 429


def test_signing_in_changes_the_session_key(client, viewer):
    client.get(reverse("sign-in"))
    client.session["seen"] = True
    client.session.save()
    planted = client.session.session_key
    sign_in(client, "viewer", PASSWORD)
    assert client.session.session_key != planted
