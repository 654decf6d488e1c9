"""REST of models, and of their versions as a list."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.registry.api.tenants import TenantIn, tenant
from fleet.registry.api.versions import VersionIn, VersionOut, options
from fleet.registry.models import Model
from fleet.registry.selectors import models as selectors
from fleet.registry.services import models as services
from fleet.registry.services import versions
from fleet.trust.access import Verb, require
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers


class LatestOut(serializers.Serializer[Any]):
    """The latest published version."""

    id = serializers.UUIDField(source="latest_id")
    number = serializers.IntegerField(source="latest_number")
    published_at = serializers.DateTimeField(source="latest_published_at")


class ModelOut(serializers.ModelSerializer[Model]):
    """A model, and where it stands."""

    site = serializers.CharField(read_only=True, help_text="Path of the tenant's site.")
    created_by = serializers.CharField(allow_null=True, read_only=True)
    versions = serializers.IntegerField(source="versions_made", read_only=True, help_text="How many were made.")
    latest = serializers.SerializerMethodField(help_text="Null until a version is published.")
    nodes = serializers.IntegerField(read_only=True, help_text="How many run any version of it.")
    nodes_differing = serializers.IntegerField(
        read_only=True, help_text="On how many of them live tensors are not the published ones."
    )

    class Meta:
        model = Model
        fields = [
            "id",
            "name",
            "site",
            "workload",
            "created_at",
            "created_by",
            "versions",
            "latest",
            "nodes",
            "nodes_differing",
        ]
        read_only_fields = fields

    @extend_schema_field(LatestOut(allow_null=True))
    def get_latest(self, model: Any) -> dict[str, Any] | None:
        return dict(LatestOut(model).data) if model.latest_id else None


class ModelIn(TenantIn):
    name = serializers.CharField(max_length=services.NAME_LENGTH)
    workload = serializers.CharField(max_length=31, help_text="Name in the catalogue of workloads.")


class ModelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Model]):
    """The models of the tenants that the person sees."""

    serializer_class = ModelOut
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.models(self.request.user)

    @extend_schema(responses=answers(ModelOut(many=True), 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List models."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=answers(ModelOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one model."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=ModelIn, responses=answers(ModelOut, 409, *WRITE, status=201))
    def create(self, request: Request) -> Response:
        """Make a model without versions. For operators of the tenant."""
        wish = ModelIn(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        values = dict(wish.validated_data)
        model = services.create(actor=actor(request), site=tenant(request, values.pop("site", None)), **values)
        return Response(ModelOut(self.get_queryset().get(pk=model.pk)).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=answers(VersionOut(many=True), 404, *READ), filters=False)
    @action(detail=True)
    def versions(self, request: Request, pk: str) -> Response:
        """List a model's versions, the newest first."""
        found: QuerySet[Any] = selectors.versions(request.user).filter(model=self.get_object())
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(VersionOut(page, many=True).data)

    @extend_schema(request=VersionIn, responses=answers(VersionOut, 404, 409, *WRITE, status=202), filters=False)
    @versions.mapping.post
    def create_version(self, request: Request, pk: str) -> Response:
        """Make a version of an upload's weights, or of first weights drawn from a seed. For operators of the tenant.

        It is checked in the background, and published or refused within moments; follow it at `/versions/{id}`.
        """
        model = self.get_object()
        require(person(request), Verb.RELEASE, model)
        made = versions.create_version(actor=actor(request), model=model, **options(request, model))
        found = selectors.versions(request.user).get(pk=made.pk)
        return Response(VersionOut(found).data, status=status.HTTP_202_ACCEPTED)
