"""REST of uploads: announced, sent piece by piece, resumed by offset."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from fleet.registry.api.tenants import TenantIn, tenant
from fleet.registry.models import Upload
from fleet.registry.selectors import uploads as selectors
from fleet.registry.services import uploads as services
from fleet.registry.services.parts import WrongOffset
from fleet.trust.access import Verb, require
from fleet.trust.api.parsers import BytesParser
from fleet.trust.api.requests import actor, person
from fleet.trust.api.schema import READ, WRITE, answers

OFFSET = "Upload-Offset"
LARGEST = (1 << 63) - 1  # what a column of the database holds


class UploadOut(serializers.ModelSerializer[Upload]):
    """An upload, and how far it has come."""

    site = serializers.CharField(read_only=True, help_text="Path of the tenant's site.")
    offset = serializers.IntegerField(
        source="received_bytes", read_only=True, help_text="Where the next piece begins: this many bytes are on disk."
    )
    refusal = serializers.CharField(read_only=True, help_text="Why it was refused.")

    class Meta:
        model = Upload
        fields = ["id", "site", "state", "refusal", "size_bytes", "offset", "sha256", "created_at", "expires_at"]
        read_only_fields = fields


class UploadIn(TenantIn):
    size_bytes = serializers.IntegerField(min_value=1, max_value=LARGEST)
    sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}\Z", max_length=64, help_text="Of the whole file, 64 lower-case hexadecimal digits."
    )


class UploadViewSet(mixins.RetrieveModelMixin, GenericViewSet[Upload]):
    """Files on their way in."""

    serializer_class = UploadOut
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Upload]:
        return selectors.listing(self.request.user)

    def get_parsers(self) -> list[BaseParser]:
        return [BytesParser()] if self.request and self.request.method == "PATCH" else super().get_parsers()

    @extend_schema(request=UploadIn, responses=answers(UploadOut, 507, *WRITE, status=201))
    def create(self, request: Request) -> Response:
        """Announce a file. For operators of the tenant."""
        wish = UploadIn(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        options = dict(wish.validated_data)
        site = tenant(request, options.pop("site", None))
        upload = services.create(actor=actor(request), site=site, **options)
        return _answer(upload, status.HTTP_201_CREATED)

    @extend_schema(responses=answers(UploadOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say how far an upload has come. `HEAD` says it in the header `Upload-Offset` alone."""
        return _answer(self.get_object())

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                OFFSET,
                {"type": "integer", "minimum": 0, "maximum": LARGEST},
                OpenApiParameter.HEADER,
                required=True,
                description="Number of bytes before this piece.",
            )
        ],
        responses=answers(UploadOut, 404, 409, 507, *WRITE),
        filters=False,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Send the next piece, at most 1 MiB of raw bytes. For operators of the tenant.

        The answer comes when the piece is on disk. After the last piece the file is complete, or refused
        where its hash is not the announced one. A piece that does not begin at the upload's offset is
        answered 409 with the right offset in the header `Upload-Offset`.
        """
        upload = self.get_object()
        require(person(request), Verb.RELEASE, upload)
        offset = _offset(request)
        data = request.data if isinstance(request.data, bytes) else b""  # no body at all is parsed by nobody
        return _answer(services.append(upload, offset=offset, data=data))

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, WrongOffset):
            response[OFFSET] = str(exc.offset)
        return response


def _answer(upload: Upload, code: int = status.HTTP_200_OK) -> Response:
    return Response(UploadOut(upload).data, status=code, headers={OFFSET: str(upload.received_bytes)})


def _offset(request: Request) -> int:
    text = request.headers.get(OFFSET, "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        raise serializers.ValidationError({OFFSET: [_("Give the number of bytes before this piece.")]})
    return int(text)
