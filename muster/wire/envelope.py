"""The envelope `{v, type, id, at, body}` in msgpack around every message."""

from typing import Any

import msgspec

from muster.wire import messages
from muster.wire.errors import MalformedMessage, UnknownVersion
from muster.wire.versions import MAJOR, MINOR


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """What travels: version, type, identity and time of sending around a body.

    Attributes:
        v: [major, minor] of the sender for this message.
        type: name of the message, a key of `TYPES`.
        id: the sender's counter of messages on this socket, from 1.
        at: time of sending, microseconds UTC.
        body: the message itself, still encoded.
    """

    v: tuple[int, int]
    type: str
    id: int
    at: int
    body: msgspec.Raw


TYPES: dict[str, type[messages.Message]] = {
    "challenge": messages.Challenge,
    "hello": messages.Hello,
    "welcome": messages.Welcome,
    "frame": messages.Frame,
    "ack": messages.Ack,
    "ping": messages.Ping,
    "pong": messages.Pong,
    "bye": messages.Bye,
}
NAMES = {message: name for name, message in TYPES.items()}

_encoder = msgspec.msgpack.Encoder()
_envelopes = msgspec.msgpack.Decoder(Envelope)
_strict = {name: msgspec.msgpack.Decoder(message) for name, message in TYPES.items()}
# A newer peer may add fields: away from our own minor version they are passed over.
_lenient = {
    name: msgspec.msgpack.Decoder(
        msgspec.defstruct(message.__name__, [], bases=(message,), forbid_unknown_fields=False)
    )
    for name, message in TYPES.items()
}


def encode(message: messages.Message, *, id: int, at: int, minor: int = MINOR) -> bytes:
    """Return the bytes of `message` in its envelope."""
    body = msgspec.Raw(_encoder.encode(message))
    return _encoder.encode(Envelope((MAJOR, minor), NAMES[type(message)], id, at, body))


def decode(data: bytes | memoryview) -> tuple[Envelope, Any]:
    """Return the envelope and its message.

    Raises:
        UnknownVersion: another major version.
        MalformedMessage: everything else that is wrong with the bytes.
    """
    try:
        envelope = _envelopes.decode(data)
        if envelope.v[0] != MAJOR:
            raise UnknownVersion(f"wire {envelope.v[0]}.x is not spoken here, only {MAJOR}.x")
        decoders = _strict if envelope.v[1] == MINOR else _lenient
        if envelope.type not in decoders:
            raise MalformedMessage(f"unknown message type {envelope.type[:40]!r}")
        return envelope, decoders[envelope.type].decode(envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedMessage(str(error)) from error
