"""REST of plans: made from a mapping component → tier, and pushed."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.rollouts.api.rollouts import RolloutOut, counted
from fleet.rollouts.core.diff import Change
from fleet.rollouts.filters import PlanFilter
from fleet.rollouts.models import ShardingPlan
from fleet.rollouts.selectors import plans as selectors
from fleet.rollouts.services import drafts, plans, pushes
from fleet.trust.access import Verb, can_anywhere, require
from fleet.trust.api.enrolment_tokens import ReasonIn
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers
from muster.workloads.declaration import TIERS

MAPPING = {
    "application/json": {
        "type": "object",
        "maxProperties": drafts.MAX_KEYS,
        "additionalProperties": {"type": "string", "enum": list(TIERS)},
        "example": {"vision": "terminal", "text": "edge", "fusion": "cloud"},
    }
}


class SeatOut(serializers.Serializer[Any]):
    """Where a component runs, and in which variant."""

    tier = serializers.ChoiceField(TIERS)
    variant = serializers.CharField()


class PlanOut(serializers.ModelSerializer[ShardingPlan]):
    """A plan: which component of a version runs on which tier. It never changes."""

    model = serializers.CharField(source="model.name", read_only=True)
    model_id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    version_id = serializers.UUIDField(read_only=True)
    components = serializers.DictField(child=SeatOut(), read_only=True)
    is_current = serializers.BooleanField(read_only=True, help_text="Whether this is what nodes shall run now.")
    created_by = serializers.CharField(allow_null=True, read_only=True)

    class Meta:
        model = ShardingPlan
        fields = [
            "id",
            "model",
            "model_id",
            "version",
            "version_id",
            "plan_sha256",
            "components",
            "is_current",
            "created_at",
            "created_by",
        ]
        read_only_fields = fields


class PlacedOut(serializers.Serializer[Any]):
    """A component as a plan places it."""

    tier = serializers.ChoiceField(TIERS)
    variant = serializers.CharField()
    version = serializers.IntegerField()
    artifact_sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()


class ChangeOut(serializers.Serializer[Any]):
    """What becomes of one component when this plan takes over from the current one."""

    component = serializers.CharField()
    before = PlacedOut(allow_null=True)
    after = PlacedOut(allow_null=True)
    differs = serializers.BooleanField()
    nodes = serializers.IntegerField(help_text="How many nodes will run it.")
    fetch_bytes = serializers.IntegerField(help_text="What each of them fetches.")
    total_bytes = serializers.IntegerField(help_text="What all of them fetch together.")


class PlanDetailOut(PlanOut):
    """A plan, and what pushing it now would change."""

    changes = serializers.SerializerMethodField()

    class Meta(PlanOut.Meta):
        fields = [*PlanOut.Meta.fields, "changes"]
        read_only_fields = fields

    @extend_schema_field(ChangeOut(many=True))
    def get_changes(self, plan: ShardingPlan) -> Sequence[Any]:
        changes: list[Change] = drafts.compare_plan(plan)
        return [dict(row) for row in ChangeOut(changes, many=True).data]


class MeantIn(serializers.Serializer[Any]):
    """Which model is meant, where the mapping alone does not say."""

    model = serializers.CharField(required=False, max_length=64, help_text="Name or id.")
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Number of a published version; the newest without."
    )


class PlanViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[ShardingPlan]):
    """The plans of the models that the person sees, the newest first."""

    lookup_value_converter = "uuid"
    filterset_class = PlanFilter
    serializer_class = PlanOut

    def get_queryset(self) -> QuerySet[ShardingPlan]:
        return selectors.listing(self.request.user)

    @extend_schema(responses=answers(PlanOut(many=True), 400, 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List plans."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=answers(PlanDetailOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one plan with what pushing it now would change."""
        return Response(PlanDetailOut(self.get_object()).data)

    @extend_schema(
        request=MAPPING,
        parameters=[MeantIn],
        responses=answers(PlanDetailOut, 409, *WRITE, status=201) | {200: PlanDetailOut},
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Make a plan from a mapping component → tier. The same content is the same plan. For operators of the tenant.

        The mapping means the one published model that owns all its keys; components that it does not name keep
        their place.
        """
        if not can_anywhere(person(request), Verb.RELEASE):
            raise PermissionDenied
        meant = MeantIn(data=request.query_params)
        meant.is_valid(raise_exception=True)
        models = selectors.models(person(request))
        plan, created = plans.create(actor=actor(request), models=models, mapping=request.data, **meant.validated_data)
        shown = PlanDetailOut(self.get_queryset().get(pk=plan.pk)).data
        return Response(shown, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    @extend_schema(request=ReasonIn, responses=answers(RolloutOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def push(self, request: Request, pk: str) -> Response:
        """Make every node run this plan; pushing the current one again changes nothing. For operators of the tenant."""
        plan = self.get_object()
        require(person(request), Verb.RELEASE, plan)
        wish = ReasonIn(data=request.data)
        wish.is_valid(raise_exception=True)
        rollout = pushes.push(actor=actor(request), plan=plan, reason=wish.validated_data["reason"])
        return Response(RolloutOut(counted([rollout])[0]).data)
