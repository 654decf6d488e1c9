"""Every message is the bytes in the golden file, written and read: neither end may change them alone."""

import json
from pathlib import Path

import pytest

from muster.wire import envelope
from muster.wire.messages import Message
from tests.muster.documents import ENVELOPE, MESSAGES

GOLDEN: dict[str, str] = json.loads((Path(__file__).parents[1] / "golden" / "messages-1.0.json").read_text())


def test_there_is_a_golden_message_of_every_type() -> None:
    assert set(GOLDEN) == set(envelope.TYPES) == set(MESSAGES)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_is_written_as_the_golden_bytes(name: str) -> None:
    assert envelope.encode(MESSAGES[name], **ENVELOPE).hex() == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_bytes_are_read_as_the_message(name: str) -> None:
    opened, message = envelope.decode(bytes.fromhex(GOLDEN[name]))
    assert message == MESSAGES[name]
    assert type(message) is envelope.TYPES[name]
    assert (opened.v, opened.type, opened.id, opened.at) == ((1, 0), name, ENVELOPE["id"], ENVELOPE["at"])


@pytest.mark.parametrize("name", GOLDEN)
def test_a_spooled_body_in_a_new_envelope_is_the_same_message(name: str) -> None:
    body = envelope.encode_body(MESSAGES[name])
    assert envelope.wrap(name, body, **ENVELOPE).hex() == GOLDEN[name]
    opened, _ = envelope.decode(envelope.wrap(name, body, id=999, at=1))
    assert bytes(opened.body) == body


def test_nothing_but_the_golden_bytes_is_in_them() -> None:
    """The layout itself, once by hand: a map of v, type, id, at, body with a ping inside."""
    by_hand = bytes.fromhex("85a1769201 00a474797065a470696e67a2696405a26174cf".replace(" ", ""))
    by_hand += (
        (ENVELOPE["at"]).to_bytes(8, "big") + b"\xa4body" + b"\x81\xa7sent_at\xce" + (123_456_789).to_bytes(4, "big")
    )
    assert bytes.fromhex(GOLDEN["ping"]) == by_hand


def test_every_message_is_a_message() -> None:
    assert all(isinstance(message, Message) for message in MESSAGES.values())
