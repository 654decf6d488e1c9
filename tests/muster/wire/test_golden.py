"""Every message is the bytes in the golden files, written and read: neither end may change them alone."""

import json
from pathlib import Path

import msgspec
import pytest

from muster.wire import envelope
from muster.wire.messages import Message, Report
from muster.wire.targets import read
from muster.wire.versions import MINOR
from tests.muster.documents import DOCUMENT, ENVELOPE, MESSAGES, MESSAGES_1_0

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN: dict[str, str] = json.loads((FOLDER / "messages-1.1.json").read_text())
GOLDEN_1_0: dict[str, str] = json.loads((FOLDER / "messages-1.0.json").read_text())
OF_1_0 = ENVELOPE | {"minor": 0}


def test_there_is_a_golden_message_of_every_type() -> None:
    assert set(GOLDEN) == set(envelope.TYPES) == set(MESSAGES)
    assert set(GOLDEN_1_0) == set(MESSAGES_1_0) == set(envelope.TYPES) - {"target", "report", "work", "progress"}


def test_the_newest_golden_file_is_of_our_own_version() -> None:
    assert ENVELOPE["minor"] == MINOR


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_is_written_as_the_golden_bytes(name: str) -> None:
    assert envelope.encode(MESSAGES[name], **ENVELOPE).hex() == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_bytes_are_read_as_the_message(name: str) -> None:
    opened, message = envelope.decode(bytes.fromhex(GOLDEN[name]))
    assert message == MESSAGES[name]
    assert type(message) is envelope.TYPES[name]
    assert (opened.v, opened.type, opened.id, opened.at) == ((1, 1), name, ENVELOPE["id"], ENVELOPE["at"])


@pytest.mark.parametrize("name", GOLDEN_1_0)
def test_a_message_to_an_end_of_1_0_is_written_as_it_always_was(name: str) -> None:
    assert envelope.encode(MESSAGES_1_0[name], **OF_1_0).hex() == GOLDEN_1_0[name]


@pytest.mark.parametrize("name", GOLDEN_1_0)
def test_the_golden_bytes_of_1_0_are_still_read(name: str) -> None:
    opened, message = envelope.decode(bytes.fromhex(GOLDEN_1_0[name]))
    assert opened.v == (1, 0)
    assert isinstance(message, envelope.TYPES[name])
    assert msgspec.to_builtins(message) == msgspec.to_builtins(MESSAGES_1_0[name])


@pytest.mark.parametrize("name", GOLDEN)
def test_a_spooled_body_in_a_new_envelope_is_the_same_message(name: str) -> None:
    body = envelope.encode_body(MESSAGES[name])
    assert envelope.wrap(name, body, **ENVELOPE).hex() == GOLDEN[name]
    opened, _ = envelope.decode(envelope.wrap(name, body, id=999, at=1))
    assert bytes(opened.body) == body


def test_nothing_but_the_golden_bytes_is_in_them() -> None:
    """The layout itself, once by hand: a map of v, type, id, at, body with a ping inside."""
    by_hand = bytes.fromhex("85a1769201 01a474797065a470696e67a2696405a26174cf".replace(" ", ""))
    by_hand += (
        (ENVELOPE["at"]).to_bytes(8, "big") + b"\xa4body" + b"\x81\xa7sent_at\xce" + (123_456_789).to_bytes(4, "big")
    )
    assert bytes.fromhex(GOLDEN["ping"]) == by_hand


def test_every_message_is_a_message() -> None:
    assert all(isinstance(message, Message) for message in MESSAGES.values())


def test_the_document_of_the_golden_target_is_read_and_written_as_the_same_bytes() -> None:
    _, message = envelope.decode(bytes.fromhex(GOLDEN["target"]))
    assert read(message.document).document() == message.document == DOCUMENT


def test_a_report_read_leniently_has_the_same_signed_bytes() -> None:
    """A verifier of another minor version must not be led astray by how its structs are built."""
    _, message = envelope.decode(envelope.encode(MESSAGES["report"], **ENVELOPE | {"minor": MINOR + 1}))
    assert type(message) is not Report
    assert message.signed_part() == MESSAGES["report"].signed_part()
