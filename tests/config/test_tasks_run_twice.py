"""A second run of anything that reconciles changes nothing (I7): not a row, not an event."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.celery import app
from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion, Presence, Upload
from fleet.registry.services import blobs, models, uploads, versions
from fleet.rollouts.services import plans, pushes
from fleet.telemetry.models import Watch
from fleet.telemetry.services import liveness
from fleet.telemetry.services.watch import STAND_IN
from fleet.trust.models import Event, Site
from tests.conftest import TESTS
from tests.published import make_version

# Signs of life, of a worker and of who watches the leases: the stamp is what they are for.
STAMPS = {"trust_canary", "telemetry_watch"}


def scheduled() -> dict[str, tuple[Any, ...]]:
    """Return every task that beat sends, with its arguments."""
    app.loader.import_default_modules()
    return {entry["task"]: tuple(entry.get("args", ())) for entry in app.conf.beat_schedule.values()}


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of ours."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - STAMPS
    return {table: list(_all(table)) for table in sorted(tables & set(connection.introspection.table_names()))}


def _all(table: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t)::text FROM {connection.ops.quote_name(table)} t ORDER BY 1")
        yield from cursor.fetchall()


def partitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def work(make_node: Callable[..., Any], make_token: Callable[..., Any], root: Site, pin: str) -> None:
    """Something for every task: nodes that came and went, an ended token, a push with a latecomer, half-made models."""
    now = timezone.now()
    for tier in ("terminal", "edge", "cloud"):
        make_node(tier=tier, online=True)
    make_version(root)
    plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping={"fusion": "cloud"})
    pushes.push(actor=TESTS, plan=plan)
    make_node(online=True)
    make_node(expires_at=now - timedelta(minutes=1), liveness=Presence.Liveness.ONLINE)
    looked = now - STAND_IN.patience / 2
    Watch.objects.create(name=STAND_IN.name, looked_at=looked, unbroken_since=looked - timedelta(hours=1))
    token, _secret = make_token()
    type(token).objects.filter(pk=token.pk).update(expires_at=now - timedelta(days=3))
    half_made_models(root)


def half_made_models(root: Site) -> None:
    """A version that can be published, one that cannot, and uploads: whole but unnamed, and expired."""
    model = models.create(actor=TESTS, site=root, name="digits", workload="digits")
    versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=0)
    junk = blobs.store().put_bytes(b"no weights")
    versions.create_version(actor=TESTS, model=model, origin=Origin.UPLOADED, source_sha256=junk)
    whole = uploads.create(actor=TESTS, site=root, size_bytes=2, sha256=hashlib.sha256(b"ab").hexdigest())
    uploads.append(whole, offset=0, data=b"a")
    (settings.MUSTER_DATA_DIR / "uploads" / f"{whole.pk}.part").write_bytes(b"ab")
    Upload.objects.filter(pk=whole.pk).update(received_bytes=2)  # and then the process was killed
    ended = uploads.create(actor=TESTS, site=root, size_bytes=2, sha256="0" * 64)
    Upload.objects.filter(pk=ended.pk).update(expires_at=timezone.now() - timedelta(days=1))


def test_half_made_models_are_finished(work):
    for name in ("registry-versions", "registry-uploads"):
        app.tasks[app.conf.beat_schedule[name]["task"]].run()
    states = ModelVersion.objects.filter(model__name="digits").order_by("state").values_list("state", flat=True)
    assert list(states) == ["published", "refused"]
    assert list(Upload.objects.values_list("state", flat=True)) == ["complete"]


@pytest.mark.parametrize("name", sorted(scheduled()))
def test_a_task_that_runs_twice_changes_nothing_the_second_time(work, name):
    task = app.tasks[name]
    task.run(*scheduled()[name])
    before = (rows(), partitions())
    task.run(*scheduled()[name])
    assert (rows(), partitions()) == before


def test_who_came_and_who_went_is_recorded_once(work):
    events = Event.objects.count()
    liveness.reconcile()
    assert Event.objects.count() == events + 5
    before = rows()
    liveness.reconcile()
    assert rows() == before
