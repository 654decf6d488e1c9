"""REST of nodes: lists, one node, and the moves of its life."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.registry.core.health import Reason, Status
from fleet.registry.core.node_states import STEPS, Action, NodeState, actions
from fleet.registry.filters import NodeFilter
from fleet.registry.models import Node
from fleet.registry.selectors import nodes as selectors
from fleet.registry.services import nodes as services
from fleet.trust.access import require
from fleet.trust.api.enrolment_tokens import ReasonIn
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers


class NodeOut(serializers.ModelSerializer[Node]):
    """A node and how it is now. Figures are null until the device has sent the first ones."""

    id = serializers.UUIDField(source="uid", read_only=True)
    site = serializers.CharField(read_only=True, help_text="Path of the site.")
    status = serializers.ChoiceField([status.value for status in Status], read_only=True)
    status_reason = serializers.ChoiceField([reason.value for reason in Reason], read_only=True, allow_blank=True)
    last_seen = serializers.DateTimeField(source="presence.seen_at", allow_null=True, read_only=True)
    cpu = serializers.FloatField(source="presence.cpu", allow_null=True, read_only=True, help_text="0 to 1.")
    memory_used_bytes = serializers.IntegerField(source="presence.memory_used_bytes", allow_null=True, read_only=True)
    load1 = serializers.FloatField(source="presence.load1", allow_null=True, read_only=True)
    rtt_us = serializers.IntegerField(source="presence.rtt_us", allow_null=True, read_only=True)
    temperature_c = serializers.FloatField(source="presence.temperature_c", allow_null=True, read_only=True)
    battery = serializers.FloatField(source="presence.battery", allow_null=True, read_only=True, help_text="0 to 1.")

    class Meta:
        model = Node
        fields = [
            "id",
            "name",
            "site",
            "tier",
            "device_type",
            "state",
            "state_since",
            "status",
            "status_reason",
            "last_seen",
            "cpu",
            "memory_used_bytes",
            "memory_bytes",
            "load1",
            "rtt_us",
            "temperature_c",
            "battery",
            "fingerprint",
            "agent_version",
            "enrolled_at",
        ]
        read_only_fields = fields


class NodeDetailOut(NodeOut):
    """A node with what it said of itself, and what can be done to it."""

    inventory = serializers.DictField(read_only=True)
    actions = serializers.SerializerMethodField()

    class Meta(NodeOut.Meta):
        fields = [*NodeOut.Meta.fields, "inventory", "actions"]
        read_only_fields = fields

    def get_actions(self, node: Node) -> list[str]:
        return [action.value for action in actions(NodeState(node.state))]


class NodeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Node]):
    """The nodes that the person sees."""

    lookup_field = "uid"
    lookup_value_converter = "uuid"
    filterset_class = NodeFilter

    def get_queryset(self) -> QuerySet[Node]:
        return selectors.listing(self.request.user)

    def get_serializer_class(self) -> type[NodeOut]:
        return NodeOut if self.action == "list" else NodeDetailOut

    @extend_schema(responses=answers(NodeOut(many=True), 400, 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List nodes."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=answers(NodeDetailOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one node."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=ReasonIn, responses=answers(NodeDetailOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, uid: str) -> Response:
        """Let a waiting node in. For operators."""
        return self._move(request, Action.APPROVE)

    @extend_schema(request=ReasonIn, responses=answers(NodeDetailOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, uid: str) -> Response:
        """Turn a waiting node away for good. For operators."""
        return self._move(request, Action.REFUSE)

    @extend_schema(request=ReasonIn, responses=answers(NodeDetailOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def quarantine(self, request: Request, uid: str) -> Response:
        """Cut an active node off. For operators."""
        return self._move(request, Action.QUARANTINE)

    @extend_schema(request=ReasonIn, responses=answers(NodeDetailOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, uid: str) -> Response:
        """Let a quarantined node back in. For operators."""
        return self._move(request, Action.RELEASE)

    @extend_schema(request=ReasonIn, responses=answers(NodeDetailOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, uid: str) -> Response:
        """End a node's life here for good. For administrators."""
        return self._move(request, Action.RETIRE)

    def _move(self, request: Request, wanted: Action) -> Response:
        node = self.get_object()
        require(person(request), STEPS[wanted].needs, node)
        wish = ReasonIn(data=request.data)
        wish.is_valid(raise_exception=True)
        services.move(node, wanted, actor=actor(request), reason=wish.validated_data["reason"])
        return Response(NodeDetailOut(self.get_object()).data)
