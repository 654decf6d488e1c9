"""The two addresses that are open to everybody: what they answer, and how much they read."""

import json

import msgspec
import pytest
from django.test import Client

from fleet.registry.models import Node
from fleet.trust.api.throttles import EnrolmentThrottle
from muster.wire.enrolment import MAX_REQUEST_BYTES, b64encode
from tests.devices import request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pin", "unthrottled")]

SERVER = "/api/v1/enrolment/server"
ENROLMENT = "/api/v1/enrolment"


def test_the_server_greets_without_sign_in(client: Client, pin):
    answer = client.get(SERVER, {"nonce": b64encode(bytes(32))})
    assert answer.status_code == 200
    assert answer.json()["signature"]["key_id"] == pin


@pytest.mark.parametrize("query", ["", "?nonce=", "?nonce=%00", "?nonce=kurz"])
def test_a_greeting_without_a_good_nonce_is_refused(client: Client, query):
    answer = client.get(SERVER + query)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{}", 400, "malformed"),
        (b" " * (MAX_REQUEST_BYTES + 1), 413, "too_large"),
    ],
)
def test_what_is_no_request_is_refused_in_the_common_form(client: Client, body, status, code):
    answer = client.post(ENROLMENT, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) <= {"code", "detail", "fields"}


def test_another_content_type_is_refused(client: Client):
    answer = client.post(ENROLMENT, b"a=1", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_one_address_may_not_ask_for_ever(client: Client, monkeypatch):
    monkeypatch.setattr(EnrolmentThrottle, "LIMIT", 2)
    answers = [client.get(SERVER, {"nonce": b64encode(bytes(32))}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "throttled"
    assert answers[2]["Retry-After"]


def test_a_real_request_enrols(client: Client, make_token):
    document = msgspec.json.encode(request(make_token()[1]))
    answer = client.post(ENROLMENT, document, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert Node.objects.get(uid=answer.json()["node"]).state == "pending"
    assert json.loads(document)["token"] not in answer.content.decode()
