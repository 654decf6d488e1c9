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

from aggregation.models import Phase
from aggregation.services import jobs, reconcile
from config.celery import app
from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion, Node, Presence, Submission, Upload
from fleet.registry.services import blobs, models, uploads, versions
from fleet.rollouts.services import plans, pushes
from fleet.telemetry.models import Watch
from fleet.telemetry.services import liveness
from fleet.telemetry.services.watch import STAND_IN
from fleet.trust.models import Event, Site
from muster.ids import uuid7
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
    rounds_half_way(root)
    updates_half_way(make_node())


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


def rounds_half_way(root: Site) -> None:
    """A round that waits for its computation, and one whose deadline is over while an update has just come."""
    for name in ("to-be-computed", "to-be-closed"):
        trained = make_version(root, workload="digits", model=name)
        job = jobs.create(actor=TESTS, model=trained.model, config={"quorum": 1, "push": False})
        reconcile.run(wake=lambda _round: None)
        came(Phase.objects.get(round__job=job))
        if name == "to-be-computed":
            reconcile.run(now=timezone.now() + timedelta(days=1), wake=lambda _round: None)
    Phase.objects.update(deadline_at=timezone.now())


def came(phase: Phase) -> None:
    """Lay down an update that will be refused, as the gateway stores it."""
    said = {"samples": {"vision": 1}, "loss_before_millionths": None, "loss_after_millionths": None, "trained_ms": 0}
    Submission.objects.create(
        node=phase.round.members.first().node,
        task=phase.pk,
        attempt=1,
        kind="plain",
        state=Submission.State.COMPLETE,
        statement=said,
        signature_value=b"",
        sha256=blobs.store().put_bytes(b"no update"),
        size_bytes=9,
        received_bytes=9,
        completed_at=timezone.now(),
    )


def updates_half_way(node: Node) -> None:
    """Updates for tasks that nobody asks for any more: one whole but unnamed, one that will never be."""
    common = {"node": node, "attempt": 1, "kind": "plain", "statement": {}, "signature_value": b"", "size_bytes": 3}
    long_ago = timezone.now() - timedelta(hours=3)
    sha256 = hashlib.sha256(b"abc").hexdigest()
    whole = Submission.objects.create(**common, task=uuid7(), sha256=sha256, received_bytes=3, opened_at=long_ago)
    folder = settings.MUSTER_DATA_DIR / "submissions"
    folder.mkdir(exist_ok=True)
    (folder / f"{whole.pk}.part").write_bytes(b"abc")
    Submission.objects.create(**common, task=uuid7(), sha256="0" * 64, opened_at=long_ago)


def test_half_made_updates_are_finished_or_dropped(work):
    app.tasks[app.conf.beat_schedule["registry-submissions"]["task"]].run()
    assert list(Submission.objects.filter(size_bytes=3).values_list("state", flat=True)) == ["complete"]


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
