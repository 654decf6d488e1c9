"""Nothing secret reaches the log, the audit trail or a page of errors, whatever goes wrong on the way."""

import json
import logging

import pytest
from django.test import Client
from django.urls import reverse

from fleet.trust.models import Event

PASSWORD = "a-long-enough-passphrase"
JSON = "application/json"


@pytest.fixture
def client() -> Client:
    """A browser that gets the page that people get when something breaks."""
    return Client(raise_request_exception=False)


def everything(caplog, answers) -> str:
    records = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    events = [json.dumps(list(row), default=str) for row in Event.objects.values_list()]
    return "\n".join([*records, *events, *(answer.content.decode() for answer in answers)])


def test_a_password_is_nowhere_whether_right_or_wrong(client, viewer, caplog, unthrottled):
    caplog.set_level(logging.DEBUG)
    answers = [
        client.post(reverse("sign-in"), {"username": "viewer", "password": word})
        for word in ("wrong-and-secret-word", PASSWORD)
    ]
    told = everything(caplog, answers)
    assert "wrong-and-secret-word" not in told
    assert PASSWORD not in told


def test_a_fault_shows_no_token(client, operator, bearer, pin, caplog, monkeypatch, unthrottled):
    """The fault is deep inside, while the secret is a local variable of several frames."""
    caplog.set_level(logging.DEBUG)
    headers = bearer(operator)
    caplog.clear()

    def break_down(*_args, **_options):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("fleet.trust.services.access_tokens.Q", break_down)
    answer = client.get("/api/v1/me", headers=headers)
    assert answer.status_code == 500
    assert headers["Authorization"].removeprefix("Bearer ") not in everything(caplog, [answer])


def test_the_secret_of_an_enrolment_token_is_in_its_one_answer_alone(client, operator, pin, caplog):
    caplog.set_level(logging.DEBUG)
    client.force_login(operator)
    made = client.post("/api/v1/enrolment-tokens", {"site": "north/plant-a", "tier": "edge"}, content_type=JSON)
    assert made["Cache-Control"] == "no-store"
    later = [client.get(reverse(name)) for name in ("enrolment", "audit", "overview")]
    assert made.json()["token"] not in everything(caplog, later)
