"""Canonical JSON (RFC 8785) for documents that are hashed or signed."""

import hashlib
from typing import Any

import rfc8785


class CanonError(ValueError):
    """The document has no canonical form that Muster accepts."""


def canonical(document: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON document.

    Floats are refused: hashed documents carry integers (µs, ppm, bytes), so
    that no two languages can print one number in two ways.

    Raises:
        CanonError: a float, a non-string key or a type JSON does not have.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    _refuse_floats(document)
    try:
        return rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, TypeError) as error:
        raise CanonError(str(error)) from error


def canonical_sha256(document: Any) -> str:
    """Return the lower-case hexadecimal SHA-256 of the canonical bytes."""
    return hashlib.sha256(canonical(document)).hexdigest()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise CanonError("floats are not allowed in hashed documents")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
