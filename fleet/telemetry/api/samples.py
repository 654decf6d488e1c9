"""REST of raw readings: samples, and what shards answered between them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.registry.models import Node
from fleet.telemetry.selectors import inferences, samples
from fleet.trust.access import visible
from fleet.trust.api.requests import person
from fleet.trust.api.schema import READ, answers
from muster.clock import now_us

MAX_SAMPLES = 10_000  # in one answer, about 2 MB
DEFAULT_SPAN_US = 300_000_000


class SpanIn(serializers.Serializer[Any]):
    """Which readings are wanted."""

    to = serializers.DateTimeField(required=False, help_text="First moment after the last; now by default.")
    limit = serializers.IntegerField(min_value=1, max_value=MAX_SAMPLES, default=1000)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `from`, which as a word of the language cannot be an attribute."""
        first = serializers.DateTimeField(
            required=False, help_text="First moment; five minutes before `to` by default."
        )
        return {"from": first, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        end = _us(attrs["to"]) if "to" in attrs else now_us()
        start = _us(attrs["from"]) if "from" in attrs else end - DEFAULT_SPAN_US
        if start >= end:
            raise serializers.ValidationError({"to": [_("This must be later than the beginning.")]})
        return {"start_us": start, "end_us": end, "limit": attrs["limit"]}


class SampleOut(serializers.Serializer[Any]):
    """One reading. Figures are null where the device has no such sensor."""

    at = serializers.DateTimeField(help_text="Time of the reading.")
    received_at = serializers.DateTimeField(help_text="When the gateway received it.")
    cpu = serializers.FloatField(allow_null=True, help_text="Share of all cores, 0 to 1.")
    memory_used_bytes = serializers.IntegerField(allow_null=True)
    load1 = serializers.FloatField(allow_null=True)
    rtt_us = serializers.IntegerField(allow_null=True)
    temperature_c = serializers.FloatField(allow_null=True)
    battery = serializers.FloatField(allow_null=True, help_text="Charge, 0 to 1.")


class SamplesOut(serializers.Serializer[Any]):
    """Readings of one node, oldest first."""

    node = serializers.UUIDField()
    truncated = serializers.BooleanField(help_text="There are more: ask again from the time of the last one.")
    samples = SampleOut(many=True)


class SamplesView(APIView):
    """Raw readings of a node."""

    @extend_schema(parameters=[SpanIn], responses=answers(SamplesOut, 400, 404, *READ))
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """List the raw readings of a node in a span of time."""
        node = get_object_or_404(visible(Node.objects.all(), person(request)), uid=uid)
        span = SpanIn(data=request.query_params)
        span.is_valid(raise_exception=True)
        limit = span.validated_data["limit"]
        found = samples.listed(node.pk, span.validated_data["start_us"], span.validated_data["end_us"], limit + 1)
        body = {"node": node.uid, "truncated": len(found) > limit, "samples": [_shown(row) for row in found[:limit]]}
        return Response(SamplesOut(body).data)


class InferenceOut(serializers.Serializer[Any]):
    """What one shard of the node answered since its reading before. Names are null where the shard is not known."""

    at = serializers.DateTimeField(help_text="Time of the reading that it belongs to.")
    received_at = serializers.DateTimeField(help_text="When the gateway received it.")
    shard = serializers.IntegerField(help_text="Key of the artifact.")
    model = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    component = serializers.CharField(allow_null=True)
    variant = serializers.CharField(allow_null=True)
    requests = serializers.IntegerField(help_text="Requests that were answered.")
    failed = serializers.IntegerField(source="errors", help_text="Requests that were not answered.")
    total_us = serializers.IntegerField(help_text="Time inside the component, all requests together.")
    least_us = serializers.IntegerField()
    most_us = serializers.IntegerField()
    local = serializers.BooleanField(
        help_text="The inputs were the device's own; otherwise they stood in for another tier's tensors."
    )


class InferencesOut(serializers.Serializer[Any]):
    """What the shards of one node answered, oldest first."""

    node = serializers.UUIDField()
    truncated = serializers.BooleanField(help_text="There are more: ask again from the time of the last one.")
    inferences = InferenceOut(many=True)


class InferencesView(APIView):
    """Measured inferences of a node."""

    @extend_schema(parameters=[SpanIn], responses=answers(InferencesOut, 400, 404, *READ))
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """List what the components on a node answered in a span of time, and how long it took."""
        seen = visible(Node.objects.select_related("site"), person(request))
        node = get_object_or_404(seen, uid=uid)
        span = SpanIn(data=request.query_params)
        span.is_valid(raise_exception=True)
        limit = span.validated_data["limit"]
        found = inferences.listed(node, span.validated_data["start_us"], span.validated_data["end_us"], limit + 1)
        shown = [_shown(row) for row in found[:limit]]
        body = {"node": node.uid, "truncated": len(found) > limit, "inferences": shown}
        return Response(InferencesOut(body).data)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "at": _moment(row["at"]), "received_at": _moment(row["received_at"])}


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC) + timedelta(microseconds=at_us % 1_000_000)


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
