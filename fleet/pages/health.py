"""Health for machines: whether the process answers, whether it can work, and figures for Prometheus.

The first two are open to everybody and answer words only. The figures are those that
the person who asks may see.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from fleet.pages.metrics import registry
from fleet.trust.api.requests import person
from fleet.trust.selectors import canaries

REDIS_TIMEOUT_S = 1.0


@login_not_required
@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """Say whether the process can work, or the first thing that it lacks."""
    for word, check in CHECKS:
        if not check():
            return HttpResponse(f"{word}\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def migrations_applied() -> bool:
    """Say whether the newest migration of every app has run."""
    return _newest_migrations() <= set(MigrationRecorder(connection).applied_migrations())


def redis_answers() -> bool:
    client = redis.Redis.from_url(
        settings.MUSTER_REDIS_URL, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )
    try:
        with client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def workers_live() -> bool:
    return not settings.MUSTER_WORKERS or canaries.all_fresh()


CHECKS: tuple[tuple[str, Callable[[], bool]], ...] = (
    ("database", database_answers),
    ("migrations", migrations_applied),
    ("redis", redis_answers),
    ("workers", workers_live),
)


@cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


class MetricsRenderer(BaseRenderer):
    """Hands the exposition format on as it is."""

    media_type = "text/plain"
    format = "prometheus"
    charset = None

    def render(self, data: Any, media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return data if isinstance(data, bytes) else JSONRenderer().render(data)


class MetricsView(APIView):
    """Figures in Prometheus' format, for whoever is signed in or brings an access token."""

    renderer_classes = (MetricsRenderer,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(generate_latest(registry(person(request))), content_type=CONTENT_TYPE_LATEST)
