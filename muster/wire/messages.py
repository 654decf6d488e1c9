"""The messages of a node socket, in the order in which they are spoken.

    gateway → device   Challenge   a fresh nonce
    device → gateway   Hello       who, which boot, what the spool holds, signed
    gateway → device   Welcome     epoch, what is already stored, signed
    device → gateway   Frame       numbered samples
    gateway → device   Ack         stored up to here
    device → gateway   Ping        round trip and clock
    gateway → device   Pong
    gateway → device   Bye         why the socket is about to close

Times are int64 microseconds UTC on the server's clock unless a field says otherwise.
"""

from __future__ import annotations

import msgspec

from muster.canon.signatures import Signature


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """Base of everything that travels as the body of an envelope."""


class Sample(msgspec.Struct, array_like=True, frozen=True):
    """One reading of a device.

    Attributes:
        at: time of the reading, microseconds UTC, server offset already applied.
        cpu: share of all cores busy since the reading before, 0 to 1.
        memory_used_bytes: memory in use, cache and buffers not counted.
        load1: load average over one minute.
        rtt_us: last round trip to the gateway in microseconds, None before the first.
        temperature_c: hottest sensor in degrees Celsius, None without a sensor.
        battery: charge, 0 to 1, None without a battery.
    """

    at: int
    cpu: float
    memory_used_bytes: int
    load1: float
    rtt_us: int | None = None
    temperature_c: float | None = None
    battery: float | None = None


class StreamState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One numbered sequence of frames: a boot of the agent.

    Attributes:
        boot: UUID of the agent's start that numbered the frames.
        last_seq: in a Hello the last sequence spooled; in a Welcome the last one stored. 0: none.
    """

    boot: str
    last_seq: int


class Challenge(Message):
    nonce: bytes  # 32 random bytes
    minors: list[int]
    at: int


class Hello(Message):
    """First message of the device; `signature` covers `signed_part` for SOCKET_HELLO."""

    node: str
    boot: str
    nonce: bytes  # 32 random bytes, answered in the Welcome
    minors: list[int]
    agent_version: str
    streams: list[StreamState]
    signature: Signature

    @staticmethod
    def signed_part(
        server_nonce: bytes, node: str, boot: str, nonce: bytes, minors: list[int], streams: list[StreamState]
    ) -> bytes:
        """Return the bytes under the device's signature."""
        return msgspec.msgpack.encode([server_nonce, node, boot, nonce, minors, streams])


class Welcome(Message):
    """Answer to a Hello; `signature` is by the pinned server key for SOCKET_WELCOME."""

    minor: int
    epoch: int
    at: int
    sample_interval_ms: int
    streams: list[StreamState]
    signature: Signature

    @staticmethod
    def signed_part(
        device_nonce: bytes,
        node: str,
        minor: int,
        epoch: int,
        at: int,
        sample_interval_ms: int,
        streams: list[StreamState],
    ) -> bytes:
        """Return the bytes under the server's signature."""
        return msgspec.msgpack.encode([device_nonce, node, minor, epoch, at, sample_interval_ms, streams])


class Frame(Message):
    """Samples with a number.

    Attributes:
        boot, seq: identity of the frame; `seq` counts from 1 within a boot.
        dropped: frames of this boot that a full spool has lost so far.
        waiting: frames still spooled behind this one.
        samples: 1 to 600 readings in order of time.
    """

    boot: str
    seq: int
    dropped: int
    waiting: int
    samples: list[Sample]


class Ack(Message):
    """Everything of `boot` up to `seq` is committed, save `refused` samples outside the kept window."""

    boot: str
    seq: int
    refused: int = 0


class Ping(Message):
    sent_at: int  # the device's own clock, uncorrected


class Pong(Message):
    sent_at: int  # as received
    at: int


class Bye(Message):
    code: int
    reason: str


MAX_FRAME_SAMPLES = 600
MAX_MESSAGE_BYTES = 1 << 20

# Close codes of a node socket (4000 to 4999 are the application's, RFC 6455 section 7.4.2).
CLOSE_MALFORMED = 4400
CLOSE_UNAUTHENTICATED = 4401
CLOSE_NOT_ACTIVE = 4403
CLOSE_VERSION = 4406
CLOSE_SILENT = 4408
CLOSE_SUPERSEDED = 4409
CLOSE_TOO_LARGE = 4413
CLOSE_SLOW = 1013
