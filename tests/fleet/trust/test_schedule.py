"""What beat sends exists, goes to a queue that has a worker, and never piles up there."""

import pytest

from config.celery import app
from fleet.trust.core.canaries import FRESH_FOR, QUEUES, SENT_EVERY


@pytest.mark.parametrize("entry", ["canary-control", "canary-rollout", "canary-aggregation", "prune-trust"])
def test_a_scheduled_task_exists_and_goes_to_a_known_queue(entry):
    app.loader.import_default_modules()
    scheduled = app.conf.beat_schedule[entry]
    assert scheduled["task"] in app.tasks
    assert scheduled.get("options", {}).get("queue", app.conf.task_default_queue) in QUEUES


@pytest.mark.parametrize("task", ["registry.publish", "registry.reconcile_versions"])
def test_what_needs_torch_goes_to_the_one_worker_that_may_import_it(task):
    app.loader.import_default_modules()
    assert task in app.tasks
    assert app.amqp.router.route({}, task)["queue"].name == "aggregation"


@pytest.mark.parametrize("queue", QUEUES)
def test_a_canary_expires_before_the_next_and_some_may_be_lost(queue):
    scheduled = app.conf.beat_schedule[f"canary-{queue}"]
    assert scheduled["options"]["expires"] <= scheduled["schedule"].total_seconds()
    assert FRESH_FOR >= 3 * SENT_EVERY
