"""Says every refusal in one form: `{"code": …, "detail": …, "fields": {…}}`."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from fleet.trust.api.parsers import BodyTooLarge
from fleet.trust.services.errors import DomainError


class ErrorOut(serializers.Serializer[Any]):
    """Why a request was refused."""

    code = serializers.CharField(help_text="A word for programs; it does not change between versions.")
    detail = serializers.CharField(help_text="A sentence for people, in the language they asked for.")
    fields = serializers.DictField(  # type: ignore[assignment]  # the wire's word, which a serializer also has
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="The refused fields, each with its reasons.",
    )


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception, or None for one that is a fault of ours."""
    if isinstance(error, DomainError):
        set_rollback()
        return Response(_body(error.code, str(error), error.fields), status=error.status)
    if isinstance(error, RequestDataTooBig):  # Django has read the body before us, to look for a CSRF token
        error = BodyTooLarge()
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        response.data = _body("invalid", _("Please check the marked fields."), _flat(error.detail))
    else:
        code = error.default_code if isinstance(error, APIException) else _CODES[response.status_code]
        response.data = _body(code, str(response.data["detail"]), {})
    return response


# Django's own exceptions, which have no code.
_CODES = {403: "permission_denied", 404: "not_found"}


def _body(code: str, detail: str, fields: dict[str, list[str]]) -> dict[str, Any]:
    return {"code": code, "detail": detail} | ({"fields": fields} if fields else {})


def _flat(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Return nested reasons under dotted names: `{"grants.0.role": ["…"]}`."""
    if isinstance(detail, dict):
        parts = [_flat(item, f"{path}.{key}" if path else str(key)) for key, item in detail.items()]
    elif any(isinstance(item, dict | list) for item in detail):
        parts = [_flat(item, f"{path}.{number}" if path else str(number)) for number, item in enumerate(detail)]
    else:
        return {path or "non_field_errors": [str(item) for item in detail]} if detail else {}
    return {name: reasons for part in parts for name, reasons in part.items()}
