"""Celery: three queues, none starves another.

PostgreSQL holds every due time and every result; a message only wakes a
reconciler that may run twice. So tasks are short, acknowledged late, bounded in
time below the broker's visibility time-out, and their results are not kept.
"""

import os
from datetime import timedelta
from urllib.parse import urlsplit

from celery import Celery
from django.conf import settings
from kombu import Exchange, Queue

from fleet.trust.core.canaries import QUEUES, SENT_EVERY

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

VISIBILITY_TIMEOUT_S = 120  # a killed worker's message comes back after this
TASK_TIME_LIMIT_S = 90  # below the visibility time-out: no task outlives its message
TENSOR_TASKS = (
    "registry.publish",
    "registry.reconcile_versions",
    "aggregation.compute",
    "aggregation.compute_waiting",
)


def broker_url(redis_url: str) -> str:
    """Return the Redis URL as the broker library spells it: unix sockets are `redis+socket`."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={database}"


app = Celery("muster")
app.conf.update(
    broker_url=broker_url(settings.MUSTER_REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    },
    # Each queue has an exchange of its own: on a shared one every queue would get every message.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    task_default_queue="control",
    # What computes with tensors imports torch, which no other queue's worker may.
    task_routes={name: {"queue": "aggregation"} for name in TENSOR_TASKS},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_time_limit=TASK_TIME_LIMIT_S,
    task_soft_time_limit=TASK_TIME_LIMIT_S - 10,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=1000,
    timezone="UTC",
)
app.conf.beat_schedule = {
    "telemetry-partitions": {"task": "fleet.telemetry.tasks.reconcile_partitions", "schedule": timedelta(minutes=10)},
    "telemetry-liveness": {"task": "fleet.telemetry.tasks.reconcile_liveness", "schedule": timedelta(seconds=30)},
    # A tick that has waited behind a long publication for its successor is worth nothing.
    "registry-versions": {
        "task": "registry.reconcile_versions",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "registry-uploads": {"task": "fleet.registry.tasks.reconcile_uploads", "schedule": timedelta(minutes=10)},
    "registry-submissions": {"task": "fleet.registry.tasks.reconcile_submissions", "schedule": timedelta(hours=1)},
    "registry-blobs": {"task": "fleet.registry.tasks.tidy_blobs", "schedule": timedelta(hours=1)},
    "telemetry-streams": {"task": "fleet.telemetry.tasks.prune_streams", "schedule": timedelta(hours=1)},
    "rollouts": {
        "task": "fleet.rollouts.tasks.reconcile_rollouts",
        "schedule": timedelta(seconds=30),
        "options": {"queue": "rollout"},
    },
    "learning": {"task": "aggregation.tasks.reconcile_learning", "schedule": timedelta(seconds=30)},
    # The sweeper of rounds whose computation was lost.
    "learning-rounds": {
        "task": "aggregation.compute_waiting",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    # A canary older than its successor is worth nothing, so it expires in the queue of a worker that is away.
    **{
        f"canary-{queue}": {
            "task": "trust.canary",
            "args": (queue,),
            "schedule": SENT_EVERY,
            "options": {"queue": queue, "expires": SENT_EVERY.total_seconds()},
        }
        for queue in QUEUES
    },
    "prune-trust": {"task": "trust.prune", "schedule": timedelta(hours=1)},
}
app.autodiscover_tasks()
