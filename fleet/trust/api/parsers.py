"""Read bodies, never more of one than is allowed."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, JSONParser

from muster.wire.enrolment import MAX_REQUEST_BYTES


class BodyTooLarge(APIException):
    """The body has more bytes than the address accepts."""

    status_code = 413
    default_code = "too_large"
    default_detail = _("The body of this request is too large.")


class LimitedJSONParser(JSONParser):
    """Reads JSON of at most `DATA_UPLOAD_MAX_MEMORY_SIZE` bytes, nested no deeper than can be read."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        body = read_limited(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
        try:
            parsed: dict[str, Any] = super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        return parsed


class EnrolmentParser(BaseParser):
    """Hands an enrolment request on as it came: what is signed must not be parsed twice."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # a parser may return anything; only its stubs ask for a mapping
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return read_limited(stream, MAX_REQUEST_BYTES)


class BytesParser(BaseParser):
    """Hands raw bytes on, of at most `DATA_UPLOAD_MAX_MEMORY_SIZE`."""

    media_type = "application/octet-stream"

    def parse(  # type: ignore[override]  # as above
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return read_limited(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)


def read_limited(stream: IO[Any], limit: int) -> bytes:
    """Return the whole of `stream`; raise BodyTooLarge, and stop reading, past `limit` bytes."""
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    return body
