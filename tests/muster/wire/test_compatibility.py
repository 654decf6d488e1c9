"""A newer peer may say more than we know; a peer of our own version may not."""

from typing import Any

import msgspec
import pytest

from muster.wire import envelope
from muster.wire.errors import MalformedMessage, UnknownVersion
from muster.wire.versions import MAJOR, MINOR
from tests.muster.documents import ENVELOPE, MESSAGES


def taken_apart(name: str, minor: int) -> dict[str, Any]:
    data = envelope.encode(MESSAGES[name], **ENVELOPE | {"minor": minor})
    document: dict[str, Any] = msgspec.msgpack.decode(data)
    return document


def extend_body(document: dict[str, Any]) -> None:
    document["body"]["news"] = {"anything": [1, 2]}


def extend_envelope(document: dict[str, Any]) -> None:
    document["trace"] = "abc"


def extend_stream(document: dict[str, Any]) -> None:
    document["body"]["streams"][0]["news"] = 1


def extend_signature(document: dict[str, Any]) -> None:
    document["body"]["signature"]["news"] = 1


def extend_sample(document: dict[str, Any]) -> None:
    document["body"]["samples"][0].append("news")


EXTENSIONS = [
    *((name, extend_body) for name in MESSAGES),
    ("ping", extend_envelope),
    ("hello", extend_stream),
    ("welcome", extend_signature),
    ("frame", extend_sample),
]


@pytest.mark.parametrize(("name", "extend"), EXTENSIONS)
def test_an_unknown_field_is_refused_at_our_own_version(name: str, extend: Any) -> None:
    document = taken_apart(name, MINOR)
    extend(document)
    with pytest.raises(MalformedMessage):
        envelope.decode(msgspec.msgpack.encode(document))


@pytest.mark.parametrize(("name", "extend"), EXTENSIONS)
def test_an_unknown_field_is_passed_over_at_another_version(name: str, extend: Any) -> None:
    document = taken_apart(name, MINOR + 1)
    extend(document)
    _, message = envelope.decode(msgspec.msgpack.encode(document))
    assert isinstance(message, envelope.TYPES[name])
    assert msgspec.to_builtins(message) == msgspec.to_builtins(MESSAGES[name])


def test_another_version_still_has_to_fit_the_fields_that_are_known() -> None:
    document = taken_apart("frame", MINOR + 1)
    document["body"]["seq"] = -1
    with pytest.raises(MalformedMessage):
        envelope.decode(msgspec.msgpack.encode(document))


def test_another_major_version_is_not_spoken() -> None:
    document = taken_apart("ping", MINOR)
    document["v"] = [MAJOR + 1, 0]
    with pytest.raises(UnknownVersion):
        envelope.decode(msgspec.msgpack.encode(document))


def test_an_unknown_type_is_malformed_at_every_version() -> None:
    for minor in (MINOR, MINOR + 1):
        document = taken_apart("ping", minor) | {"type": "poke"}
        with pytest.raises(MalformedMessage, match="poke"):
            envelope.decode(msgspec.msgpack.encode(document))
