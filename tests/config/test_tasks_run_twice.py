"""A second run of anything that reconciles changes nothing (I7): not a row, not an event."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from config.celery import app
from fleet.registry.models import Presence
from fleet.telemetry.services import liveness
from fleet.trust.models import Event

# A canary is a sign of life: its stamp is what it is for.
STAMPS = {"trust_canary"}


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
def work(make_node: Callable[..., Any], make_token: Callable[..., Any]) -> None:
    """Something to do for every task: nodes that came and went, and a token that has long ended."""
    now = timezone.now()
    make_node(online=True)
    make_node(expires_at=now - timedelta(minutes=1), liveness=Presence.Liveness.ONLINE)
    token, _secret = make_token()
    type(token).objects.filter(pk=token.pk).update(expires_at=now - timedelta(days=3))


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
    assert Event.objects.count() == events + 2
    before = rows()
    liveness.reconcile()
    assert rows() == before
