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

from aggregation.models import Round, TrainingJob
from aggregation.services import jobs
from config.wsgi import application
from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, Upload
from fleet.registry.services import models, uploads, versions
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.services import plans, pushes
from fleet.trust.models import User
from tests.conftest import TESTS
from tests.published import make_version

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
def served(one_connection, headers, pin, unthrottled, make_node, make_token, root) -> BaseSchema:
    """The schema as the product serves it to an administrator of a fleet with a few rows."""
    make_node("press", online=True, cpu=0.4)
    make_node("waiting", state="pending")
    make_token()
    make_version(root)
    plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping=make_tiers(make_node))
    pushes.push(actor=TESTS, plan=plan)
    model = models.create(actor=TESTS, site=root, name="digits", workload="digits")
    versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=0)
    trained = make_version(root, workload="digits", model="in-training")
    jobs.create(actor=TESTS, model=trained.model, config={})
    uploads.create(actor=TESTS, site=root, size_bytes=100, sha256="0" * 64)
    return schemathesis.openapi.from_wsgi(SCHEMA, application, headers=headers)


def make_tiers(make_node) -> dict[str, str]:
    """Make a node on the tiers above, and return a mapping that they can take."""
    for tier in ("edge", "cloud"):
        make_node(tier, tier=tier, online=True)
    return {"vision": "terminal", "text": "edge", "fusion": "cloud"}


def test_every_answer_is_documented(served: BaseSchema, headers: dict[str, str]) -> None:
    assert send_generated_requests(served, headers, examples=12) >= 15


def test_every_answer_to_a_stranger_is_documented(served: BaseSchema, user: User, bearer) -> None:
    assert send_generated_requests(served, bearer(user), examples=3) >= 15


def test_every_answer_about_what_exists_is_documented(
    served: BaseSchema, headers: dict[str, str], make_node, make_token
) -> None:
    model = Model.objects.get(name="digits")
    known = {
        "nodes": str(make_node("known").uid),
        "enrolment-tokens": str(make_token()[0].pk),
        "models": str(model.pk),
        "versions": str(model.versions.get().pk),
        "jobs": str(TrainingJob.objects.get().pk),
        "rounds": str(Round.objects.get().pk),
        "uploads": str(Upload.objects.get().pk),
        "plans": str(ShardingPlan.objects.get().pk),
        "rollouts": str(Rollout.objects.get().pk),
    }
    assert send_generated_requests(served, headers, examples=4, known=known) >= 15


def test_every_answer_without_a_sign_in_is_documented(served: BaseSchema) -> None:
    assert send_generated_requests(served, {}, examples=2) >= 15


def send_generated_requests(
    schema: BaseSchema, headers: dict[str, str], *, examples: int, known: dict[str, str] | None = None
) -> int:
    """Send fitting and unfitting requests to every operation, check each answer, and return the number of operations.

    Args:
        known: identifiers to put into the path in place of generated ones, by the first word of the path.
    """
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        for mode in GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=examples, **PATIENT)
            def exchange(case: Case) -> None:
                if known:
                    known_one = known.get(case.path.removeprefix("/api/v1/").split("/")[0])
                    case.path_parameters = dict.fromkeys(case.path_parameters or {}, known_one)
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
