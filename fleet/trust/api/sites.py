"""REST of the tree of sites."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.trust.access import Verb, require
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers
from fleet.trust.models import Site
from fleet.trust.selectors import sites as selectors
from fleet.trust.services import sites as services


@extend_schema_field(OpenApiTypes.STR)
class SitePathField(serializers.Field[Site, Any, str, Any]):
    """A site by its path, like `north/plant-a`; one that the person cannot see does not exist for them."""

    text = serializers.CharField(max_length=services.PATH_LENGTH)

    def to_internal_value(self, data: Any) -> Site:
        path = selectors.normal_path(self.text.run_validation(data))
        site = selectors.listing(self.context["request"].user).filter(path=path).first()
        if site is None:
            raise serializers.ValidationError(_("There is no such site."))
        return site

    def to_representation(self, value: Site) -> str:
        return str(value)


class SiteOut(serializers.ModelSerializer[Site]):
    path = serializers.CharField(source="__str__", read_only=True)
    parent = serializers.CharField(  # type: ignore[assignment]  # the wire's word, which a serializer also has
        allow_null=True, read_only=True, help_text="Path of the site above."
    )

    class Meta:
        model = Site
        fields = ["id", "path", "slug", "name", "parent", "time_zone", "created_at"]
        read_only_fields = fields


class SiteIn(serializers.Serializer[Any]):
    parent = SitePathField(  # type: ignore[assignment]  # as above
        help_text="Path of the site above. Roots are made by `manage.py create_site`."
    )
    slug = serializers.CharField(max_length=services.SLUG_LENGTH)
    name = serializers.CharField(max_length=services.NAME_LENGTH)
    time_zone = serializers.CharField(max_length=64, default="UTC", help_text="A name of the IANA database.")


class SiteViewSet(mixins.ListModelMixin, GenericViewSet[Site]):
    """The sites that the person sees, each before the ones below it."""

    serializer_class = SiteOut

    def get_queryset(self) -> QuerySet[Site]:
        return selectors.listing(self.request.user)

    @extend_schema(responses=answers(SiteOut(many=True), 404, *READ))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List sites."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=SiteIn, responses=answers(SiteOut, 409, *WRITE, status=201))
    def create(self, request: Request) -> Response:
        """Add a site below another one. For administrators of the site above."""
        wish = SiteIn(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        require(person(request), Verb.ADMINISTER, wish.validated_data["parent"])
        site = services.create(actor=actor(request), **wish.validated_data)
        return Response(SiteOut(site).data, status=status.HTTP_201_CREATED)
