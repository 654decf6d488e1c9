"""REST of the audit trail."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.trust.api.schema import READ, answers
from fleet.trust.filters import EventFilter
from fleet.trust.models import Event
from fleet.trust.selectors import events as selectors


class EventOut(serializers.ModelSerializer[Event]):
    site = serializers.CharField(allow_null=True, read_only=True, help_text="Path of the site.")
    actor = serializers.CharField(source="actor_label", read_only=True)
    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = Event
        fields = [
            "id",
            "at",
            "verb",
            "actor_kind",
            "actor",
            "site",
            "target_kind",
            "target_id",
            "target_label",
            "before",
            "after",
            "reason",
            "address",
        ]
        read_only_fields = fields


class EventViewSet(mixins.ListModelMixin, GenericViewSet[Event]):
    """What happened at the sites that the person sees, the newest first."""

    serializer_class = EventOut
    filterset_class = EventFilter

    def get_queryset(self) -> QuerySet[Event]:
        return selectors.listing(self.request.user)

    @extend_schema(responses=answers(EventOut(many=True), 400, 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List events."""
        return super().list(request, *args, **kwargs)
