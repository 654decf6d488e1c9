"""REST of one version of a model: what it is made of, where it comes from, where it runs."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.registry.core.version_states import Origin
from fleet.registry.models import Artifact, Component, Model, ModelVersion, RunningShard
from fleet.registry.selectors import models as selectors
from fleet.registry.selectors import uploads
from fleet.registry.services import versions as services
from fleet.trust.api.schema import READ, answers


class VersionRefOut(serializers.ModelSerializer[ModelVersion]):
    class Meta:
        model = ModelVersion
        fields = ["id", "number"]
        read_only_fields = fields


class VersionOut(serializers.ModelSerializer[ModelVersion]):
    """One set of weights of a model."""

    model = serializers.UUIDField(source="model_id", read_only=True)
    model_name = serializers.CharField(source="model.name", read_only=True)
    workload = serializers.CharField(source="model.workload", read_only=True)
    site = serializers.CharField(source="model.site", read_only=True, help_text="Path of the tenant's site.")
    refusal = serializers.CharField(read_only=True, help_text="Why it was refused, in English.")
    parent = VersionRefOut(allow_null=True, read_only=True)
    created_by = serializers.CharField(allow_null=True, read_only=True)
    nodes = serializers.IntegerField(read_only=True, help_text="How many run it.")
    nodes_differing = serializers.IntegerField(
        read_only=True, help_text="On how many of them live tensors are not the published ones."
    )

    class Meta:
        model = ModelVersion
        fields = [
            "id",
            "model",
            "model_name",
            "site",
            "number",
            "state",
            "refusal",
            "refusal_code",
            "origin",
            "seed",
            "source_sha256",
            "workload",
            "workload_version",
            "manifest_sha256",
            "parent",
            "note",
            "created_at",
            "created_by",
            "published_at",
            "nodes",
            "nodes_differing",
        ]
        read_only_fields = fields


class ArtifactOut(serializers.ModelSerializer[Artifact]):
    """A component's weights in one variant."""

    id = serializers.UUIDField(source="uid", read_only=True)
    reference = serializers.BooleanField(source="is_reference", read_only=True)
    flops = serializers.IntegerField(read_only=True, help_text="For one sample, forward.")

    class Meta:
        model = Artifact
        fields = [
            "id",
            "key",
            "variant",
            "reference",
            "artifact_sha256",
            "weights_sha256",
            "size_bytes",
            "parameters",
            "flops",
        ]
        read_only_fields = fields


class ComponentOut(serializers.ModelSerializer[Component]):
    artifacts = ArtifactOut(many=True, read_only=True)

    class Meta:
        model = Component
        fields = ["name", "modality", "default_tier", "artifacts"]
        read_only_fields = fields


class RelativeOut(serializers.Serializer[selectors.Relative]):
    """A version in a lineage, each below the one that it was made from."""

    id = serializers.UUIDField(source="version.pk")
    number = serializers.IntegerField(source="version.number")
    state = serializers.CharField(source="version.state")
    depth = serializers.IntegerField(min_value=0, help_text="How far it is indented.")


class VersionDetailOut(VersionOut):
    """A version with its components, their artifacts, and its relatives."""

    components = ComponentOut(many=True, read_only=True)
    metrics = serializers.DictField(read_only=True, help_text="Measured on held-out data.")
    same_weights_as = serializers.SerializerMethodField(
        help_text="Numbers of the model's other versions with the very same weights."
    )
    lineage = serializers.SerializerMethodField()

    class Meta(VersionOut.Meta):
        fields = [*VersionOut.Meta.fields, "metrics", "same_weights_as", "components", "lineage"]
        read_only_fields = fields

    def get_same_weights_as(self, version: ModelVersion) -> list[int]:
        return selectors.same_weights(version)

    @extend_schema_field(RelativeOut(many=True))
    def get_lineage(self, version: ModelVersion) -> list[dict[str, Any]]:
        rows: Any = selectors.lineage(version)
        return [dict(row) for row in RelativeOut(rows, many=True).data]


class RunsOnOut(serializers.ModelSerializer[RunningShard]):
    """A shard of a version in a node's running process, as the node's last signed report proves it."""

    node = serializers.UUIDField(source="node.uid", read_only=True)
    node_name = serializers.CharField(source="node.name", read_only=True)
    site = serializers.CharField(source="node.site", read_only=True, help_text="Path of the site.")
    tier = serializers.CharField(source="node.tier", read_only=True)
    artifact = serializers.IntegerField(source="shard", read_only=True, help_text="Key of the artifact.")
    component = serializers.CharField(read_only=True)
    variant = serializers.CharField(read_only=True)
    live_sha256 = serializers.CharField(
        source="weights_sha256", read_only=True, help_text="Computed on the device from the tensors in its memory."
    )
    expected_sha256 = serializers.CharField(read_only=True)
    matches = serializers.BooleanField(read_only=True)

    class Meta:
        model = RunningShard
        fields = [
            "node",
            "node_name",
            "site",
            "tier",
            "artifact",
            "component",
            "variant",
            "live_sha256",
            "expected_sha256",
            "matches",
            "verified_at",
            "since",
        ]
        read_only_fields = fields


class VersionIn(serializers.Serializer[Any]):
    """Where the weights come from: an upload or a seed."""

    upload = serializers.UUIDField(required=False, help_text="A complete upload for the same tenant.")
    seed = serializers.IntegerField(
        required=False, min_value=0, max_value=services.LARGEST_SEED, help_text="Draws untrained first weights."
    )
    parent = serializers.UUIDField(  # type: ignore[assignment]  # the wire's word, which a serializer also has
        required=False, help_text="The published version of this model that it was made from."
    )
    note = serializers.CharField(max_length=services.NOTE_LENGTH, required=False, allow_blank=True, default="")


def options(request: Request, model: Model) -> dict[str, Any]:
    """Return what `services.create_version` takes of a wish; ValidationError where it makes no sense."""
    wish = VersionIn(data=request.data)
    wish.is_valid(raise_exception=True)
    values = dict(wish.validated_data)
    if ("upload" in values) == ("seed" in values):
        raise serializers.ValidationError({"upload": [_("Give either an upload or a seed.")]})
    if "upload" in values:
        values["upload"] = uploads.listing(request.user).filter(pk=values["upload"]).first()
    if "parent" in values:
        values["parent"] = selectors.published(request.user).filter(pk=values["parent"], model=model).first()
        if values["parent"] is None:
            raise serializers.ValidationError({"parent": [_("There is no such published version of this model.")]})
    return values | {"origin": Origin.UPLOADED if "upload" in values else Origin.INITIAL}


class VersionViewSet(mixins.RetrieveModelMixin, GenericViewSet[ModelVersion]):
    """Versions of the models that the person sees."""

    serializer_class = VersionDetailOut
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.detailed(self.request.user)

    @extend_schema(responses=answers(VersionDetailOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one version with its components, artifacts, hashes and lineage."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(responses=answers(RunsOnOut(many=True), 404, *READ), filters=False)
    @action(detail=True)
    def nodes(self, request: Request, pk: str) -> Response:
        """List where a version runs now: each of its shards in a node's process."""
        running: QuerySet[Any] = selectors.runs_on(request.user, self.get_object())
        page: Any = self.paginate_queryset(running)
        return self.get_paginated_response(RunsOnOut(page, many=True).data)
