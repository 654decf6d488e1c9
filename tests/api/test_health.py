"""Health for machines: words for everybody, figures for those who may see them."""

from datetime import timedelta

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from fleet.trust.core.canaries import QUEUES
from fleet.trust.models import Canary
from fleet.trust.services import canaries
from fleet.trust.tasks import canary

pytestmark = pytest.mark.django_db


@pytest.fixture
def workers() -> None:
    for queue in QUEUES:
        canaries.stamp(queue)


def ready(client) -> tuple[int, str]:
    answer = client.get("/readyz")
    return answer.status_code, answer.content.decode().strip()


def test_a_process_that_answers_is_healthy_and_asks_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_it_is_ready_when_everything_answers(client, workers):
    assert ready(client) == (200, "ready")


def test_it_is_not_ready_while_redis_is_away(client, workers, settings):
    settings.MUSTER_REDIS_URL = "unix:///nowhere/valkey.sock"
    assert ready(client) == (503, "redis")


def test_it_is_not_ready_while_a_migration_is_missing(client, workers):
    MigrationRecorder.Migration.objects.filter(app="registry").delete()
    assert ready(client) == (503, "migrations")


def test_it_is_not_ready_before_every_queue_has_a_worker(client):
    canaries.stamp("control")
    assert ready(client) == (503, "workers")


def test_it_is_not_ready_while_a_worker_is_silent(client, workers):
    Canary.objects.filter(queue="rollout").update(stamped_at=timezone.now() - timedelta(seconds=61))
    assert ready(client) == (503, "workers")


def test_an_installation_without_workers_is_ready_without_them(client, settings):
    settings.MUSTER_WORKERS = False
    assert ready(client) == (200, "ready")


def test_the_canary_task_renews_the_stamp_of_its_queue():
    canary("control")
    first = Canary.objects.get(queue="control").stamped_at
    canary("control")
    assert Canary.objects.get(queue="control").stamped_at > first


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(client, path):
    assert client.post(path).status_code == 405


def test_figures_are_not_for_everybody(client):
    answer = client.get("/metrics")
    assert answer.status_code == 401


def test_figures_show_what_the_person_sees(client, viewer, user, bearer, make_node, make_token, make_site, workers):
    make_node(online=True)
    make_node(at=make_site("north/plant-ab"))
    make_token()
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}
    answer = client.get("/metrics", headers=bearer(viewer) | accept)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    text = answer.content.decode()
    assert 'muster_nodes{status="healthy"} 1.0' in text
    assert 'muster_nodes{status="offline"} 0.0' in text
    assert "muster_enrolment_tokens_usable 1.0" in text
    assert 'muster_worker_canary_age_seconds{queue="control"}' in text
    assert "process_resident_memory_bytes" in text
    client.force_login(user)
    assert 'muster_nodes{status="healthy"} 0.0' in client.get("/metrics").content.decode()
