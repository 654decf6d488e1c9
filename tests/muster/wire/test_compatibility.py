"""A newer peer may say more than we know; a peer of our own version may not."""

from typing import Any

import msgspec
import pytest

from muster.wire import envelope
from muster.wire.errors import MalformedMessage, UnknownVersion
from muster.wire.versions import MAJOR, MINOR
from tests.muster.documents import AT, BOOT, ENVELOPE, MESSAGES, MESSAGES_1_0


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


def extend_inference(document: dict[str, Any]) -> None:
    document["body"]["inferences"][0].append("news")


def extend_held_shard(document: dict[str, Any]) -> None:
    document["body"]["shards"][0]["news"] = 1


def extend_running_shard(document: dict[str, Any]) -> None:
    document["body"]["running"][0]["news"] = 1


def extend_task(document: dict[str, Any]) -> None:
    document["body"]["tasks"][0]["news"] = 1


EXTENSIONS = [
    *((name, extend_body) for name in MESSAGES),
    ("ping", extend_envelope),
    ("hello", extend_stream),
    ("welcome", extend_signature),
    ("frame", extend_sample),
    ("frame", extend_inference),
    ("target", extend_signature),
    ("report", extend_held_shard),
    ("report", extend_running_shard),
    ("work", extend_signature),
    ("progress", extend_task),
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


def test_a_frame_of_1_0_is_one_without_inferences() -> None:
    """Such frames lie in the spools of devices whose agent was updated since."""
    body = envelope.encode_body(MESSAGES_1_0["frame"])
    for minor in (0, MINOR, MINOR + 1):
        _, frame = envelope.decode(envelope.wrap("frame", body, id=1, at=AT, minor=minor))
        assert frame.inferences == []
        assert envelope.encode_body(frame) == body


def test_each_frame_has_a_list_of_its_own() -> None:
    body = envelope.encode_body(MESSAGES_1_0["frame"])
    for minor in (0, MINOR):
        first, second = (envelope.decode(envelope.wrap("frame", body, id=1, at=AT, minor=minor))[1] for _ in range(2))
        first.inferences.append(1)
        assert second.inferences == []


def test_a_frame_without_inferences_is_what_an_end_of_1_0_reads() -> None:
    document = taken_apart("frame", 0)
    del document["body"]["inferences"]
    assert document["body"] == msgspec.msgpack.decode(envelope.encode_body(MESSAGES_1_0["frame"]))
    assert document["body"]["boot"] == BOOT
