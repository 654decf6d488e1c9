"""REST of what a node shall run and what it says that it runs."""

import json
import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.registry.models import Node, NodeReport, NodeTarget
from fleet.registry.selectors import targets as selectors
from fleet.registry.selectors.targets import Running
from fleet.trust.api.requests import person
from fleet.trust.api.schema import READ, answers
from muster.wire.targets import Reason, ReportState, ShardState

# In the schema an empty text stands for no reason.
REASONS = [reason.value for reason in Reason if reason.value]


class GenerationField(serializers.ListField):
    """(release epoch, counter): the larger one is the newer."""

    child = serializers.IntegerField()


class HeldOut(serializers.Serializer[Any]):
    """A shard of the accepted target, as the node says."""

    key = serializers.IntegerField(help_text="Number of the artifact.")
    state = serializers.ChoiceField([state.value for state in ShardState])
    have_bytes = serializers.IntegerField()


class ReportOut(serializers.ModelSerializer[NodeReport]):
    """What a node last said, signed."""

    generation = serializers.SerializerMethodField(help_text="Of the accepted target.")
    serving = serializers.SerializerMethodField(help_text="Of what runs.")
    state = serializers.ChoiceField([state.value for state in ReportState], read_only=True)
    reason = serializers.ChoiceField(REASONS, read_only=True, allow_blank=True)
    shards = HeldOut(many=True, read_only=True)

    class Meta:
        model = NodeReport
        fields = [
            "generation",
            "serving",
            "state",
            "reason",
            "detail",
            "live_mismatch",
            "shards",
            "at",
            "reported_at",
            "changed_at",
        ]
        read_only_fields = fields

    def get_generation(self, report: NodeReport) -> list[int] | None:
        return _generation(report.release_epoch, report.counter)

    def get_serving(self, report: NodeReport) -> list[int] | None:
        return _generation(report.serving_release_epoch, report.serving_counter)


class RunningOut(serializers.Serializer[Any]):
    """A shard in the node's process; what it is called is null where its key is no artifact's."""

    key = serializers.IntegerField()
    model = serializers.CharField(source="artifact.component.version.model.name", default=None, allow_null=True)
    version = serializers.IntegerField(source="artifact.component.version.number", default=None, allow_null=True)
    component = serializers.CharField(source="artifact.component.name", default=None, allow_null=True)
    variant = serializers.CharField(source="artifact.variant", default=None, allow_null=True)
    weights_sha256 = serializers.CharField(help_text="Of the live tensors.")
    published_weights_sha256 = serializers.CharField(source="artifact.weights_sha256", default=None, allow_null=True)
    matches = serializers.BooleanField(help_text="Whether the live tensors are the published ones.")
    verified_at = serializers.DateTimeField(help_text="When the hash was computed, by the device.")
    since = serializers.DateTimeField()


class NodeTargetOut(serializers.Serializer[Any]):
    """Desired beside reported."""

    generation = GenerationField(allow_null=True)
    issued_at = serializers.DateTimeField(allow_null=True)
    content_sha256 = serializers.CharField(allow_null=True)
    document = serializers.DictField(allow_null=True, help_text="What is signed and sent.")
    report = ReportOut(allow_null=True)
    running = RunningOut(many=True)


class NodeTargetView(APIView):
    """What a node shall run."""

    @extend_schema(responses=answers(NodeTargetOut, 404, *READ))
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Return what a node shall run beside what it says that it runs."""
        node: Node = get_object_or_404(selectors.nodes(person(request)), uid=uid)
        found = selectors.of(node)
        report = None if found.report is None else ReportOut(found.report).data
        return Response({**_desired(found.target), "report": report, "running": _running(found.running)})


def _desired(target: NodeTarget | None) -> dict[str, Any]:
    if target is None:
        return dict.fromkeys(("generation", "issued_at", "content_sha256", "document"))
    return {
        "generation": _generation(target.release_epoch, target.counter),
        "issued_at": target.issued_at,
        "content_sha256": target.content_sha256,
        "document": json.loads(bytes(target.document)),
    }


def _running(rows: list[Running]) -> list[dict[str, Any]]:
    return [dict(RunningOut(row).data) for row in rows]


def _generation(release_epoch: int | None, counter: int | None) -> list[int] | None:
    return None if release_epoch is None or counter is None else [release_epoch, counter]
