"""REST of training jobs: started with their settings, looked at, and stopped."""

import contextlib
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from aggregation.api.rounds import RoundOut, counted
from aggregation.core.config import BOUNDS
from aggregation.core.lifecycle import JobState, RoundState
from aggregation.filters import JobFilter
from aggregation.models import TrainingJob
from aggregation.selectors import jobs as selectors
from aggregation.services import jobs as services
from fleet.registry.models import Model, ModelVersion
from fleet.registry.selectors import models as registry
from fleet.trust.access import Verb, can_anywhere, require, visible
from fleet.trust.api.enrolment_tokens import ReasonIn
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers
from fleet.trust.api.sites import SitePathField
from fleet.trust.services.errors import refuse
from muster.workloads.declaration import TIERS


class JobOut(serializers.ModelSerializer[TrainingJob]):
    """A training job: some rounds in a row on one model."""

    model = serializers.CharField(source="model.name", read_only=True)
    model_id = serializers.UUIDField(read_only=True)
    site = serializers.CharField(source="site.path", read_only=True, help_text="Members are the nodes here and below.")
    state = serializers.ChoiceField([state.value for state in JobState], read_only=True)
    base_version = serializers.IntegerField(source="base_version.number", read_only=True)
    best_version = serializers.IntegerField(source="best_version.number", default=None, allow_null=True, read_only=True)
    best_version_id = serializers.UUIDField(allow_null=True, read_only=True)
    config = serializers.DictField(read_only=True, help_text="Settings; shares and rates in millionths.")
    created_by = serializers.CharField(allow_null=True, read_only=True)
    failure = serializers.CharField(read_only=True, help_text="A word, then what there is to say, in English.")
    rollout_id = serializers.UUIDField(allow_null=True, read_only=True, help_text="The push of its best version.")
    push_failure = serializers.CharField(read_only=True, help_text="Why its best version was not pushed.")
    rounds_made = serializers.IntegerField(read_only=True)
    rounds_published = serializers.IntegerField(read_only=True)
    round_number = serializers.IntegerField(read_only=True, allow_null=True, help_text="Of the newest round.")
    round_state = serializers.ChoiceField([state.value for state in RoundState], read_only=True, allow_null=True)

    class Meta:
        model = TrainingJob
        fields = [
            "id",
            "model",
            "model_id",
            "site",
            "kind",
            "strategy",
            "state",
            "base_version",
            "best_version",
            "best_version_id",
            "rounds_planned",
            "rounds_made",
            "rounds_published",
            "round_number",
            "round_state",
            "config",
            "failure",
            "rollout_id",
            "push_failure",
            "revision",
            "created_at",
            "created_by",
            "finished_at",
        ]
        read_only_fields = fields


def _whole(name: str, **options: Any) -> serializers.IntegerField:
    least, most = BOUNDS[name]
    return serializers.IntegerField(min_value=least, max_value=most, required=False, **options)


class LocalIn(serializers.Serializer[Any]):
    """What each member does on its own data."""

    epochs = _whole("epochs")
    batch_size = _whole("batch_size")
    learning_rate_millionths = _whole("learning_rate_millionths")
    momentum_millionths = _whole("momentum_millionths")
    seed = _whole("seed", help_text="Of shuffling and of everything random.")


class ConfigIn(serializers.Serializer[Any]):
    """The settings of a job. What is left out is as the product would choose it."""

    rounds = _whole("rounds")
    local = LocalIn(required=False)
    quorum = _whole("quorum", help_text="Accepted updates with which a round may close.")
    deadline_s = _whole("deadline_s")
    grace_s = _whole("grace_s", help_text="How long a round waits for the others once the quorum is reached.")
    tiers = serializers.ListField(
        child=serializers.ChoiceField(TIERS), required=False, allow_empty=False, help_text="Whose nodes take part."
    )
    max_norm_millionths = _whole("max_norm_millionths", help_text="Of an update; above it, it is refused.")
    partition_alpha_millionths = _whole(
        "partition_alpha_millionths",
        allow_null=True,
        help_text="Splits the included data among the members by Dirichlet(alpha); null for each node's own data.",
    )
    push = serializers.BooleanField(required=False, help_text="Whether the best version is pushed at the end.")


class JobIn(serializers.Serializer[Any]):
    """What to train."""

    model = serializers.CharField(max_length=64, help_text="Name or id.")
    site = SitePathField(required=False, help_text="Members are the nodes here and below; the tenant without.")
    base_version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Number of a published version; the newest without."
    )
    strategy = serializers.CharField(required=False, max_length=32, default="fedavg")
    config = ConfigIn(required=False)


class JobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[TrainingJob]):
    """The training jobs of the models that the person sees, the newest first."""

    lookup_value_converter = "uuid"
    filterset_class = JobFilter
    serializer_class = JobOut

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.listing(self.request.user)

    @extend_schema(responses=answers(JobOut(many=True), 400, 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List training jobs."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=answers(JobOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one training job."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=JobIn, responses=answers(JobOut, 409, *WRITE, status=201), filters=False)
    def create(self, request: Request) -> Response:
        """Start a training job; a model has one at a time. For operators of the tenant."""
        if not can_anywhere(person(request), Verb.RELEASE):
            raise PermissionDenied
        wish = JobIn(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        values = dict(wish.validated_data)
        model = _model(request, values.pop("model"))
        values["base_version"] = _version(request, model, values.pop("base_version", None))
        job = services.create(actor=actor(request), model=model, config=values.pop("config", {}), **values)
        return Response(JobOut(self.get_queryset().get(pk=job.pk)).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ReasonIn, responses=answers(JobOut, 404, 409, *WRITE), filters=False)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End a job. A round that collects updates fails; one that is computed is finished. For operators."""
        job = self.get_object()
        require(person(request), Verb.RELEASE, job)
        wish = ReasonIn(data=request.data)
        wish.is_valid(raise_exception=True)
        services.stop(actor=actor(request), job=job, reason=wish.validated_data["reason"])
        return Response(JobOut(self.get_queryset().get(pk=job.pk)).data)

    @extend_schema(responses=answers(RoundOut(many=True), 404, *READ), filters=False)
    @action(detail=True)
    def rounds(self, request: Request, pk: str) -> Response:
        """List the rounds of a job in their order."""
        found: QuerySet[Any] = selectors.rounds(self.get_object())
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(RoundOut(counted(list(page)), many=True).data)


def _model(request: Request, named: str) -> Model:
    """Return the model of that name or id that the person may start jobs of."""
    condition = Q(name=named)
    with contextlib.suppress(ValueError):  # not an id: a name, then
        condition |= Q(pk=uuid.UUID(named))
    found = list(visible(Model.objects.select_related("site"), person(request)).filter(condition)[:2])
    if not found:
        raise refuse("model", _("There is no such model."))
    if len(found) > 1:
        raise refuse("model", _("Several models have this name; give the id."))
    require(person(request), Verb.RELEASE, found[0])
    return found[0]


def _version(request: Request, model: Model, number: int | None) -> ModelVersion | None:
    if number is None:
        return None
    found = registry.published(person(request)).filter(model=model, number=number).first()
    if found is None:
        raise refuse("base_version", _("Choose a published version of this model."))
    return found
