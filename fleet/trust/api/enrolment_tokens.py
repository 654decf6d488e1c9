"""REST of the permission to enrol."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.trust.access import Verb, require
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers
from fleet.trust.api.sites import SitePathField
from fleet.trust.models import EnrolmentToken
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.models.event import Event
from fleet.trust.selectors import enrol_command, server_key
from fleet.trust.selectors import enrolment_tokens as selectors
from fleet.trust.services import enrolment_tokens as services

MAX_MINUTES = int(services.MAX_LIFETIME / timedelta(minutes=1))


class TokenOut(serializers.ModelSerializer[EnrolmentToken]):
    site = serializers.CharField(read_only=True, help_text="Path of the site.")
    created_by = serializers.CharField(allow_null=True, read_only=True)

    class Meta:
        model = EnrolmentToken
        fields = [
            "id",
            "hint",
            "site",
            "tier",
            "auto_approve",
            "max_uses",
            "uses",
            "expires_at",
            "revoked_at",
            "created_at",
            "created_by",
        ]
        read_only_fields = fields


class TokenCreatedOut(TokenOut):
    """A new token with everything that is shown only now."""

    token = serializers.CharField(read_only=True, help_text="The secret. It is kept nowhere.")
    command = serializers.CharField(read_only=True, help_text="Installs the agent and enrols the device.")
    pin = serializers.CharField(read_only=True, help_text="Fingerprint of this server's key.")

    class Meta(TokenOut.Meta):
        fields = [*TokenOut.Meta.fields, "token", "command", "pin"]
        read_only_fields = fields


class TokenIn(serializers.Serializer[Any]):
    site = SitePathField(help_text="Path of the site at which devices enrol.")
    tier = serializers.ChoiceField(Tier.choices)
    auto_approve = serializers.BooleanField(default=False)
    max_uses = serializers.IntegerField(default=1, min_value=1, max_value=services.MAX_USES)
    minutes = serializers.IntegerField(default=30, min_value=1, max_value=MAX_MINUTES, help_text="Until it expires.")


class ReasonIn(serializers.Serializer[Any]):
    """Why: for the audit trail."""

    reason = serializers.CharField(
        max_length=Event._meta.get_field("reason").max_length, required=False, allow_blank=True, default=""
    )


class EnrolmentTokenViewSet(mixins.ListModelMixin, GenericViewSet[EnrolmentToken]):
    """Enrolment tokens of the sites that the person sees, the newest first; never their secrets."""

    serializer_class = TokenOut
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[EnrolmentToken]:
        return selectors.listing(self.request.user)

    @extend_schema(responses=answers(TokenOut(many=True), 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List enrolment tokens."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=TokenIn, responses=answers(TokenCreatedOut, *WRITE, status=201))
    def create(self, request: Request) -> Response:
        """Make a token and return it with the command to copy. For operators of the site."""
        wish = TokenIn(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        options = dict(wish.validated_data)
        require(person(request), Verb.OPERATE, options["site"])
        lifetime = timedelta(minutes=options.pop("minutes"))
        token, secret = services.create(actor=actor(request), lifetime=lifetime, **options)
        shown_once = {"token": secret, "command": enrol_command.for_secret(secret), "pin": server_key.pin()}
        return Response(TokenOut(token).data | shown_once, status=status.HTTP_201_CREATED)

    @extend_schema(request=ReasonIn, responses=answers(TokenOut, 404, 409, *WRITE))
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """End a token at once. For operators of its site."""
        token = self.get_object()
        require(person(request), Verb.OPERATE, token)
        wish = ReasonIn(data=request.data)
        wish.is_valid(raise_exception=True)
        services.revoke(token, actor=actor(request), reason=wish.validated_data["reason"])
        return Response(TokenOut(token).data)
