"""Two workers, a kill at any moment: a version is published once, whole, and never by halves."""

import ast
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import transaction

from config.celery import app
from fleet.registry.models import Artifact, Component, Model, ModelVersion
from fleet.registry.services import blobs, versions
from fleet.telemetry.services.database import conninfo
from fleet.trust.models import Event, Site
from tests.fleet.registry.at_once import at_once
from tests.fleet.registry.weights import initial

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def model() -> Model:
    site = Site.objects.create(slug="north", name="North", path="north/")
    return Model.objects.create(site=site, name="numbers", workload="digits")


def test_of_many_workers_at_once_one_publishes_and_the_others_leave_it_alone(model):
    version = initial(model, wake=False)
    assert at_once(*(partial(versions.publish, version.pk) for _ in range(4))) == {"done": 4}
    version.refresh_from_db()
    assert (version.state, version.attempts) == ("published", 1)
    assert Event.objects.filter(verb="version.published").count() == 1
    assert Component.objects.count() == 2


def test_whoever_waits_gets_the_decided_version(model):
    version = initial(model, wake=False)
    states: list[str] = []
    deeds = [lambda: states.append(versions.publish(version.pk, wait=True).state) for _ in range(3)]
    assert at_once(*deeds) == {"done": 3}
    assert states == ["published"] * 3
    assert ModelVersion.objects.get().attempts == 1


def test_versions_made_at_once_have_numbers_of_their_own(model):
    assert at_once(*(partial(initial, model, wake=False) for _ in range(6))) == {"done": 6}
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_a_new_version_wakes_the_worker_that_may_import_torch_once_it_is_committed(model):
    with redis.Redis.from_url(settings.MUSTER_REDIS_URL) as broker:
        broker.delete("aggregation")
        with transaction.atomic():
            version = initial(model)
            assert broker.llen("aggregation") == 0
        (message,) = broker.lrange("aggregation", 0, -1)
        broker.delete("aggregation")
    headers = json.loads(message)["headers"]
    app.loader.import_default_modules()
    assert headers["task"] == "registry.publish"
    app.tasks[headers["task"]].run(*ast.literal_eval(headers["argsrepr"]))
    version.refresh_from_db()
    assert version.state == "published"


def test_the_worker_of_its_queue_publishes_what_a_request_has_made(model):
    version = initial(model)
    words = "celery -A config.celery worker --queues aggregation --pool solo --loglevel INFO"
    worker = subprocess.Popen(
        [sys.executable, "-m", *words.split(), "--without-gossip", "--without-mingle"],
        cwd=ROOT,
        env=os.environ | {"MUSTER_DATABASE_URL": conninfo("muster-worker-test")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert worker.stdout is not None
        assert any("registry.publish" in line and "succeeded" in line for line in worker.stdout)
        version.refresh_from_db()
        assert (version.state, version.attempts) == ("published", 1)
    finally:
        worker.kill()
        worker.communicate(timeout=30)


# Ends itself the hard way at the moment that the test names, as a power cut would.
DIE = """
import os, signal, sys, uuid
import django
django.setup()
from fleet.registry.services import blobs, versions

def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

kept = []
def keep(store, draft, **options):
    if len(kept) == 1:
        die()
    kept.append(draft)
    return whole_keep(store, draft, **options)

moment, version = sys.argv[1:]
if moment == "between two shards":
    whole_keep, blobs.BlobStore.keep = blobs.BlobStore.keep, keep
else:
    versions.events.record = die
versions.publish(uuid.UUID(version))
"""


@pytest.mark.parametrize("moment", ["between two shards", "before the commit"])
def test_a_killed_worker_leaves_a_version_that_the_next_one_publishes(model, moment):
    version = initial(model, wake=False)
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings", "MUSTER_DATABASE_URL": conninfo("muster-publish-test")}
    done = subprocess.run(
        [sys.executable, "-c", DIE, moment, str(version.pk)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    version.refresh_from_db()
    assert (version.state, version.attempts, version.manifest_sha256) == ("checking", 1, "")
    assert not Component.objects.exists()
    assert not Event.objects.filter(verb="version.published").exists()
    versions.publish(version.pk, wait=True)  # until PostgreSQL has seen that the killed one is gone
    version.refresh_from_db()
    assert (version.state, version.attempts) == ("published", 2)
    assert all(blobs.store().has(name) for name in Artifact.objects.values_list("artifact_sha256", flat=True))
