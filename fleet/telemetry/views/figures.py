import uuid
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from fleet.registry.models import Node
from fleet.telemetry.core import local_time
from fleet.telemetry.selectors import figures
from fleet.trust.access import visible
from muster.clock import now_us


@require_safe
def node_figure(request: HttpRequest, uid: uuid.UUID, chart: str) -> HttpResponse:
    """Answer one chart of a node."""
    span = _span(request, figures.NODE_RANGES, "5m")
    if span is None:
        return _unknown_range(figures.NODE_RANGES)
    node = get_object_or_404(visible(Node.objects.select_related("site"), request.user), uid=uid)
    if chart not in figures.NODE_CHARTS:
        return JsonResponse({"code": "not_found"}, status=404)
    return _answer(figures.node_figure(node, chart, span, zone=_zone(), now_us=now_us()))


@require_safe
def fleet_figure(request: HttpRequest, chart: str) -> HttpResponse:
    """Answer one chart over all sites that the person sees, or over one of them and below."""
    span = _span(request, figures.FLEET_RANGES, "1h")
    if span is None:
        return _unknown_range(figures.FLEET_RANGES)
    if chart not in figures.FLEET_CHARTS:
        return JsonResponse({"code": "not_found"}, status=404)
    site = request.GET.get("site", "")
    if not site.isprintable():  # a NUL cannot be asked of the database
        return JsonResponse({"code": "not_found"}, status=404)
    return _answer(figures.fleet_figure(request.user, chart, span, zone=_zone(), now_us=now_us(), site=site))


def _zone() -> ZoneInfo:
    """Return the person's zone, which a middleware has activated."""
    return local_time.zone(timezone.get_current_timezone_name())


def _span(request: HttpRequest, ranges: dict[str, timedelta], default: str) -> str | None:
    span = request.GET.get("range", default)
    return span if span in ranges else None


def _unknown_range(ranges: dict[str, timedelta]) -> HttpResponse:
    return HttpResponseBadRequest(orjson.dumps({"code": "unknown_range", "known": list(ranges)}), "application/json")


def _answer(figure: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(figure), "application/json", headers={"Cache-Control": "no-store"})
