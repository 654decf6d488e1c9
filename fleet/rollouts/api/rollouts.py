"""REST of rollouts: how far a push has come, and desired against reported for each node."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.registry.api.targets import REASONS, ReportOut
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.filters import AssignmentFilter, RolloutFilter
from fleet.rollouts.models import Assignment, Rollout
from fleet.rollouts.selectors import rollouts as selectors
from fleet.rollouts.selectors.rollouts import ShardStanding
from fleet.trust.api.schema import READ, answers
from muster.wire.targets import ShardState


class RolloutOut(serializers.ModelSerializer[Rollout]):
    """One push of a plan."""

    model = serializers.CharField(source="model.name", read_only=True)
    model_id = serializers.UUIDField(read_only=True)
    plan_id = serializers.UUIDField(read_only=True)
    plan_sha256 = serializers.CharField(source="plan.plan_sha256", read_only=True)
    version = serializers.IntegerField(source="plan.version.number", read_only=True)
    previous_id = serializers.UUIDField(allow_null=True, read_only=True, help_text="The rollout that it superseded.")
    state = serializers.ChoiceField([state.value for state in RolloutState], read_only=True)
    created_by = serializers.CharField(allow_null=True, read_only=True)
    counts = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="State → how many nodes are in it."
    )

    class Meta:
        model = Rollout
        fields = [
            "id",
            "model",
            "model_id",
            "plan_id",
            "plan_sha256",
            "version",
            "previous_id",
            "state",
            "reason",
            "revision",
            "counts",
            "created_at",
            "created_by",
            "finished_at",
        ]
        read_only_fields = fields


class ShardOut(serializers.Serializer[Any]):
    """A shard that the node shall run, and what the node says of it."""

    component = serializers.CharField(source="shard.component")
    variant = serializers.CharField(source="shard.seat.variant")
    key = serializers.IntegerField(source="shard.key")
    artifact_sha256 = serializers.CharField(source="shard.artifact_sha256")
    size_bytes = serializers.IntegerField(source="shard.size_bytes")
    state = serializers.ChoiceField(
        [state.value for state in ShardState], source="held", allow_null=True, help_text="As the node says."
    )
    have_bytes = serializers.IntegerField(allow_null=True)
    weights_sha256 = serializers.CharField(source="shard.weights_sha256", help_text="As published.")
    live_weights_sha256 = serializers.CharField(allow_null=True, help_text="Of the tensors in the node's process.")
    matches = serializers.BooleanField(allow_null=True)
    verified_at = serializers.DateTimeField(allow_null=True)


class RolloutNodeOut(serializers.Serializer[Any]):
    """One node's part in a rollout: desired against reported."""

    node = serializers.UUIDField(source="node.uid")
    name = serializers.CharField(source="node.name")
    site = serializers.CharField(source="node.site", help_text="Path of the site.")
    tier = serializers.CharField(source="node.tier")
    last_seen = serializers.DateTimeField(source="node.presence.seen_at", default=None, allow_null=True)
    state = serializers.ChoiceField([state.value for state in AssignmentState])
    reason = serializers.ChoiceField(REASONS, allow_blank=True)
    since = serializers.DateTimeField()
    generation = serializers.SerializerMethodField(help_text="Of the node's newest target.")
    report = ReportOut(source="node.report", allow_null=True)
    shards = serializers.SerializerMethodField()

    def get_generation(self, assignment: Assignment) -> list[int] | None:
        target = selectors.target(assignment.node)
        return [target.release_epoch, target.counter] if target else None

    @extend_schema_field(ShardOut(many=True))
    def get_shards(self, assignment: Assignment) -> Sequence[Any]:
        wanted = self.context.get("shards", {}).get(assignment.node.tier, [])
        found: list[ShardStanding] = selectors.against(wanted, assignment.node)
        return [dict(row) for row in ShardOut(found, many=True).data]


class RolloutViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Rollout]):
    """The rollouts of the models that the person sees, the newest first."""

    lookup_value_converter = "uuid"
    filterset_class = RolloutFilter
    serializer_class = RolloutOut

    def get_queryset(self) -> QuerySet[Rollout]:
        return selectors.listing(self.request.user)

    def paginate_queryset(self, queryset: Any) -> Any:
        return counted(super().paginate_queryset(queryset) or [])

    def get_object(self) -> Rollout:
        return counted([super().get_object()])[0]

    @extend_schema(responses=answers(RolloutOut(many=True), 400, 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List rollouts."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=answers(RolloutOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one rollout."""
        return super().retrieve(request, *args, **kwargs)


class RolloutNodesView(generics.ListAPIView[Assignment]):
    """The nodes of a rollout in order of their names."""

    serializer_class = RolloutNodeOut
    filterset_class = AssignmentFilter
    queryset = Assignment.objects.none()  # for the schema; what is listed hangs on the address

    def get_queryset(self) -> QuerySet[Assignment]:
        return selectors.assignments(self._rollout)

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if hasattr(self, "_rollout"):  # not while the schema is drawn
            context["shards"] = selectors.desired(self._rollout)
        return context

    @extend_schema(responses=answers(RolloutNodeOut(many=True), 400, 404, *READ))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """List the nodes of a rollout: what each shall run against what it says that it runs."""
        self._rollout = get_object_or_404(selectors.listing(self.request.user), pk=pk)
        return self.list(request)


def counted(rollouts: Sequence[Rollout]) -> list[Rollout]:
    """Return rollouts with the counts of their nodes' states, read in one query."""
    found = selectors.counts([rollout.pk for rollout in rollouts])
    for rollout in rollouts:
        rollout.counts = found[rollout.pk]  # type: ignore[attr-defined]  # for the serializer alone
    return list(rollouts)
