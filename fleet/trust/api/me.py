"""REST of the person who asks."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.trust.api.requests import person
from fleet.trust.api.schema import READ, answers
from fleet.trust.models import Grant, User


class GrantOut(serializers.ModelSerializer[Grant]):
    site = serializers.CharField(read_only=True, help_text="Path of the site; the role holds below it too.")

    class Meta:
        model = Grant
        fields = ["site", "role"]
        read_only_fields = fields


class MeOut(serializers.ModelSerializer[User]):
    grants = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "username", "language", "time_zone", "grants"]
        read_only_fields = fields

    @extend_schema_field(GrantOut(many=True))
    def get_grants(self, user: User) -> list[dict[str, Any]]:
        held = user.grants.select_related("site").order_by("site__path")
        return [dict(row) for row in GrantOut(held, many=True).data]


class MeView(APIView):
    @extend_schema(responses=answers(MeOut, *READ))
    def get(self, request: Request) -> Response:
        """Say who asks, and what they may do where."""
        return Response(MeOut(person(request)).data)
