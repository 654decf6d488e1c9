import uuid
from datetime import timedelta
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404
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
    node = get_object_or_404(visible(Node.objects.all(), request.user), uid=uid)
    if chart not in figures.NODE_CHARTS:
        return JsonResponse({"code": "not_found"}, status=404)
    zone = local_time.zone(request.user.time_zone)
    return _answer(figures.node_figure(node, chart, span, zone=zone, now_us=now_us()))


@require_safe
def fleet_figure(request: HttpRequest, chart: str) -> HttpResponse:
    """Answer one chart over all sites that the person sees, or over one of them and below."""
    span = _span(request, figures.FLEET_RANGES, "1h")
    if span is None:
        return _unknown_range(figures.FLEET_RANGES)
    if chart not in figures.FLEET_CHARTS:
        return JsonResponse({"code": "not_found"}, status=404)
    zone, site = local_time.zone(request.user.time_zone), request.GET.get("site")
    return _answer(figures.fleet_figure(request.user, chart, span, zone=zone, now_us=now_us(), site=site))


def _span(request: HttpRequest, ranges: dict[str, timedelta], default: str) -> str | None:
    span = request.GET.get("range", default)
    return span if span in ranges else None


def _unknown_range(ranges: dict[str, timedelta]) -> HttpResponse:
    return HttpResponseBadRequest(orjson.dumps({"code": "unknown_range", "known": list(ranges)}), "application/json")


def _answer(figure: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(figure), "application/json", headers={"Cache-Control": "no-store"})
