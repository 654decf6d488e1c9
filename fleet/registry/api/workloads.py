"""REST of the catalogue of workloads: what models can be made of."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.trust.api.schema import READ, answers
from muster.workloads import catalogue
from muster.workloads.declaration import TIERS, Component, DType, RawInput, Tensor, Variant, Workload


class TensorOut(serializers.Serializer[Tensor]):
    name = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField(min_value=0), help_text="Of one sample.")
    dtype = serializers.ChoiceField([dtype.value for dtype in DType])


class RawInputOut(serializers.Serializer[RawInput]):
    """What a sensor or a person gives."""

    name = serializers.CharField(source="tensor.name")
    shape = serializers.ListField(
        source="tensor.shape", child=serializers.IntegerField(min_value=0), help_text="Of one sample."
    )
    dtype = serializers.ChoiceField([dtype.value for dtype in DType], source="tensor.dtype")
    modality = serializers.CharField()
    home = serializers.ChoiceField(TIERS, help_text="The tier on which it is born.")
    may_leave = serializers.BooleanField(help_text="Whether the raw values may be sent to another tier.")


class VariantOut(serializers.Serializer[Variant]):
    name = serializers.CharField()
    title = serializers.CharField(help_text="In English.")
    tiers = serializers.ListField(child=serializers.ChoiceField(TIERS), help_text="For which it is the first choice.")


class WorkloadComponentOut(serializers.Serializer[Component]):
    name = serializers.CharField()
    modality = serializers.CharField()
    inputs = serializers.ListField(child=serializers.CharField())
    outputs = TensorOut(many=True)
    default_tier = serializers.ChoiceField(TIERS)
    variants = VariantOut(many=True, help_text="The first is the reference.")


class WorkloadOut(serializers.Serializer[Workload]):
    """What a model of this kind is made of."""

    name = serializers.CharField()
    version = serializers.IntegerField(min_value=1)
    title = serializers.CharField(help_text="In English.")
    description = serializers.CharField(help_text="In English.")
    synthetic = serializers.BooleanField(help_text="Whether its included data is generated and is nobody's.")
    classes = serializers.ListField(child=serializers.CharField())
    inputs = RawInputOut(many=True)
    components = WorkloadComponentOut(many=True)
    output = serializers.CharField(help_text="The tensor that answers.")


class WorkloadViewSet(GenericViewSet[Any]):
    """The included workloads and those of installed packages."""

    serializer_class = WorkloadOut

    @extend_schema(responses=answers(WorkloadOut(many=True), 404, *READ), filters=False)
    def list(self, request: Request) -> Response:
        """List workloads."""
        page: Any = self.paginate_queryset([catalogue.get(name) for name in catalogue.names()])
        return self.get_paginated_response(WorkloadOut(page, many=True).data)
