"""The envelope `{v, type, id, at, body}` in msgpack around every message."""

from typing import Any

import msgspec

from muster.wire import messages
from muster.wire.errors import MalformedMessage, UnknownVersion
from muster.wire.lenient import lenient
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
    id: messages.Count
    at: messages.Time
    body: msgspec.Raw


TYPES: dict[str, type[messages.Message]] = {
    "challenge": messages.Challenge,
    "hello": messages.Hello,
    "welcome": messages.Welcome,
    "frame": messages.Frame,
    "ack": messages.Ack,
    "ping": messages.Ping,
    "pong": messages.Pong,
    "target": messages.Target,
    "report": messages.Report,
    "work": messages.Work,
    "progress": messages.Progress,
    "bye": messages.Bye,
}
NAMES = {message: name for name, message in TYPES.items()}

_encoder = msgspec.msgpack.Encoder()
_envelopes = msgspec.msgpack.Decoder(Envelope)
_strict = {name: msgspec.msgpack.Decoder(message) for name, message in TYPES.items()}
# A newer peer may add fields: away from our own minor version they are passed over.
_lenient_envelopes = msgspec.msgpack.Decoder(lenient(Envelope))
_lenient = {name: msgspec.msgpack.Decoder(lenient(message)) for name, message in TYPES.items()}


def encode(message: messages.Message, *, id: int, at: int, minor: int = MINOR) -> bytes:
    """Return the bytes of `message` in its envelope."""
    return wrap(NAMES[type(message)], encode_body(message), id=id, at=at, minor=minor)


def encode_body(message: messages.Message) -> bytes:
    """Return the bytes of `message` alone, as a spool keeps them."""
    return _encoder.encode(message)


def wrap(name: str, body: bytes, *, id: int, at: int, minor: int = MINOR) -> bytes:
    """Return an already encoded body in its envelope, unchanged byte for byte."""
    return _encoder.encode(Envelope((MAJOR, minor), name, id, at, msgspec.Raw(body)))


def decode(data: bytes | memoryview) -> tuple[Envelope, Any]:
    """Return the envelope and its message.

    At another minor version than ours the two are instances of lenient subclasses,
    see `muster.wire.lenient`: match them with `isinstance` or a class pattern.

    Raises:
        UnknownVersion: another major version.
        MalformedMessage: everything else that is wrong with the bytes.
    """
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedMessage(str(error)) from error
    except RecursionError as error:  # arrays nested thousands deep
        raise MalformedMessage("nested too deeply") from error


def _decode(data: bytes | memoryview) -> tuple[Envelope, Any]:
    envelope = _open(data)
    if envelope.v[0] != MAJOR:
        raise UnknownVersion(f"wire {envelope.v[0]}.x is not spoken here, only {MAJOR}.x")
    decoders = _strict if envelope.v[1] == MINOR else _lenient
    if envelope.type not in decoders:
        raise MalformedMessage(f"unknown message type {envelope.type[:40]!r}")
    return envelope, decoders[envelope.type].decode(envelope.body)


def _open(data: bytes | memoryview) -> Envelope:
    try:
        return _envelopes.decode(data)
    except msgspec.ValidationError:
        envelope: Envelope = _lenient_envelopes.decode(data)
        if envelope.v == (MAJOR, MINOR):
            raise  # at our own version an extra field is an error
        return envelope
