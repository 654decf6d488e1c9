"""Describes answers in the OpenAPI schema: what every address may say besides its success."""

from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

from fleet.trust.api.authentication import BearerAuthentication
from fleet.trust.api.errors import ErrorOut

DESCRIPTIONS = {
    400: "The request cannot be understood or a value cannot be accepted.",
    401: "Nobody is signed in, or the access token is not valid.",
    403: "The person may see this but not do it, or the token does not allow it.",
    404: "There is no such thing, or the person may not see it.",
    406: "Only JSON is spoken here.",
    409: "This does not fit the present state.",
    413: "The body is too large.",
    415: "The body must be JSON.",
    429: "Too many requests from one address.",
    507: "There is not enough room on the server's disk.",
}
READ = (401, 406)
WRITE = (400, 401, 403, 406, 413, 415)


def answers(success: Any, *refusals: int, status: int = 200) -> dict[int, Any]:
    """Return the `responses` of one operation: its success, and each refusal in the common form."""
    described = {code: OpenApiResponse(ErrorOut, DESCRIPTIONS[code]) for code in sorted(refusals)}
    return {status: success} | described


def struct_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the OpenAPI schema of a wire document, with the documents inside it written out."""
    (top,), components = msgspec.json.schema_components([kind])
    resolved: dict[str, Any] = _resolve(top, components)
    return resolved


def _resolve(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_resolve(item, components) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolve(components[schema["$ref"].rsplit("/", 1)[1]], components)
    return {key: _resolve(item, components) for key, item in schema.items()}


class BearerScheme(OpenApiAuthenticationExtension):
    """Describes the bearer token in the schema."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
