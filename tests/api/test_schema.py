"""The served OpenAPI is true: no address fails, and none answers what it does not document."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.schemas import BaseSchema

from config.wsgi import application
from fleet.trust.models import User

SCHEMA = "/api/v1/schema?format=json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

PATIENT: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [HealthCheck.filter_too_much, HealthCheck.too_slow],
}


@pytest.fixture
def headers(administrator, bearer) -> dict[str, str]:
    return bearer(administrator)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests run inside the test's transaction: none closes its connection, as with Django's own test client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def served(one_connection, headers, pin, unthrottled, make_node, make_token) -> BaseSchema:
    """The schema as the product serves it to an administrator of a fleet with a few rows."""
    make_node("press", online=True, cpu=0.4)
    make_node("waiting", state="pending")
    make_token()
    return schemathesis.openapi.from_wsgi(SCHEMA, application, headers=headers)


def test_every_answer_is_documented(served: BaseSchema, headers: dict[str, str]) -> None:
    assert send_generated_requests(served, headers, examples=12) >= 15


def test_every_answer_to_a_stranger_is_documented(served: BaseSchema, user: User, bearer) -> None:
    assert send_generated_requests(served, bearer(user), examples=3) >= 15


def test_every_answer_about_what_exists_is_documented(
    served: BaseSchema, headers: dict[str, str], make_node, make_token
) -> None:
    known = {"uid": str(make_node("known").uid), "id": str(make_token()[0].pk)}
    assert send_generated_requests(served, headers, examples=4, known=known) >= 15


def test_every_answer_without_a_sign_in_is_documented(served: BaseSchema) -> None:
    assert send_generated_requests(served, {}, examples=2) >= 15


def send_generated_requests(
    schema: BaseSchema, headers: dict[str, str], *, examples: int, known: dict[str, str] | None = None
) -> int:
    """Send fitting and unfitting requests to every operation, check each answer, and return the number of operations.

    Args:
        known: identifiers to put into the path in place of generated ones.
    """
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        for mode in GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=examples, **PATIENT)
            def exchange(case: Case) -> None:
                if known:
                    case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
                case.call_and_validate(headers=headers, checks=CHECKS)

            exchange()
    return len(operations)


@pytest.mark.django_db
def test_the_schema_and_its_pages_are_for_signed_in_people(client, user):
    assert client.get("/api/v1/schema").status_code == 401
    assert client.get("/api/v1/docs").status_code == 401
    client.force_login(user)
    assert client.get("/api/v1/schema").status_code == 200
    assert client.get("/api/v1/docs").status_code == 200
