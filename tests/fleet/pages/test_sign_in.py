"""Signing in: clear, safe about `next`, and slow for those who guess."""

import pytest
from django.urls import reverse

from fleet.trust.views.session import ATTEMPTS

PASSWORD = "a-long-enough-passphrase"
pytestmark = pytest.mark.usefixtures("unthrottled")


def sign_in(client, username, password, **more):
    return client.post(reverse("sign-in"), {"username": username, "password": password, **more})


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
