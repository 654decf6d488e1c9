"""The messages of a node socket, in the order in which they are spoken.

    gateway → device   Challenge   a fresh nonce
    device → gateway   Hello       who, which boot, what the spool holds, signed
    gateway → device   Welcome     epoch, what is already stored, signed
    device → gateway   Frame       numbered samples
    gateway → device   Ack         stored up to here
    device → gateway   Ping        round trip and clock
    gateway → device   Pong
    gateway → device   Target      what the node shall run, signed              (since 1.1)
    device → gateway   Report      what it holds and what it runs, signed        (since 1.1)
    gateway → device   Work        what the node shall train, signed             (since 1.1)
    device → gateway   Progress    how far it has come with each task            (since 1.1)
    gateway → device   Bye         why the socket is about to close

Times are int64 microseconds UTC on the server's clock unless a field says otherwise.
Bounds are part of the wire: what leaves them is malformed, so no reader has to check
for a NaN, a negative count or a number that a 64-bit column cannot hold.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from muster.canon.signatures import Signature
from muster.wire import work
from muster.wire.targets import MAX_DOCUMENT_BYTES, MAX_SHARDS, Generation, Reason, ReportState, Sha256, ShardState

MAX_FRAME_SAMPLES = 600
MAX_FRAME_INFERENCES = 64  # one for each shard that answered since the reading before
MAX_STREAMS = 64  # boots named in one Hello; a device keeps no more of them
MAX_MESSAGE_BYTES = 1 << 20
NONCE_BYTES = 32
SHORTEST_INTERVAL_MS = 50  # between two readings
LONGEST_INTERVAL_MS = 3_600_000
PING_INTERVAL_S = 1.0  # a device speaks at least this often, however seldom it takes a reading

_LAST = (1 << 63) - 1  # the largest int64
_LAST_TIME = 253_402_300_799_999_999  # the end of the year 9999, the last that a datetime can hold

Time = Annotated[int, Meta(ge=0, le=_LAST_TIME)]
Count = Annotated[int, Meta(ge=0, le=_LAST)]
Share = Annotated[float, Meta(ge=0, le=1)]
Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Minors = Annotated[list[Annotated[int, Meta(ge=0, le=10_000)]], Meta(min_length=1, max_length=64)]


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """Base of everything that travels as the body of an envelope."""


class Sample(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
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

    at: Time
    cpu: Share
    memory_used_bytes: Count
    load1: Annotated[float, Meta(ge=0, le=1_000_000)]
    rtt_us: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    temperature_c: Annotated[float, Meta(ge=-273.15, le=10_000)] | None = None
    battery: Share | None = None


class Inference(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What one shard answered since the reading before; only measured requests count.

    Attributes:
        at: time of the reading that it belongs to, microseconds UTC.
        shard: the shard's number, `Shard.key` of the target.
        requests: answered, failed ones not counted.
        errors: requests that failed.
        total_us, least_us, most_us: time inside the component, summed and its extremes; 0 without a request.
        local: whether the inputs were this device's own data; otherwise they stood in for another tier's tensors.
    """

    at: Time
    shard: Count
    requests: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    errors: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    total_us: Count
    least_us: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    most_us: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    local: bool


class StreamState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One numbered sequence of frames: a boot of the agent.

    Attributes:
        boot: UUID of the agent's start that numbered the frames.
        last_seq: in a Hello the last sequence spooled; in a Welcome the last one stored. 0: none.
    """

    boot: Uuid
    last_seq: Count


Streams = Annotated[list[StreamState], Meta(max_length=MAX_STREAMS)]


class Challenge(Message):
    nonce: Nonce
    minors: Minors
    at: Time


class Hello(Message):
    """First message of the device; `signature` covers `signed_part` for SOCKET_HELLO."""

    node: Uuid
    boot: Uuid
    nonce: Nonce  # answered in the Welcome
    minors: Minors
    agent_version: Annotated[str, Meta(max_length=32)]
    streams: Streams
    signature: Signature

    @staticmethod
    def signed_part(
        server_nonce: bytes, node: str, boot: str, nonce: bytes, minors: list[int], streams: list[StreamState]
    ) -> bytes:
        """Return the bytes under the device's signature."""
        return msgspec.msgpack.encode([server_nonce, node, boot, nonce, minors, streams])


class Welcome(Message):
    """Answer to a Hello; `signature` is by the pinned server key for SOCKET_WELCOME."""

    minor: Count
    epoch: Count
    at: Time
    sample_interval_ms: Annotated[int, Meta(ge=SHORTEST_INTERVAL_MS, le=LONGEST_INTERVAL_MS)]
    streams: Streams
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


class Frame(Message, omit_defaults=True):
    """Samples with a number.

    Every field is fixed when the frame is numbered: the encoded body is what the device
    spools, so that a frame sent twice is the same bytes twice.

    Attributes:
        boot, seq: identity of the frame; `seq` counts from 1 within a boot and may skip
            what a full spool has lost.
        dropped: frames, of this and earlier boots, that the spool had lost in this boot
            when this one was numbered.
        waiting: frames that were spooled and not acknowledged when this one was numbered.
        samples: 1 to 600 readings in order of time.
        inferences: what the node's shards answered since the frame before; since 1.1.
    """

    boot: Uuid
    seq: Annotated[int, Meta(ge=1, le=_LAST)]
    dropped: Count
    waiting: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    samples: Annotated[list[Sample], Meta(min_length=1, max_length=MAX_FRAME_SAMPLES)]
    inferences: Annotated[list[Inference], Meta(max_length=MAX_FRAME_INFERENCES)] = []


class Ack(Message):
    """Everything of `boot` up to `seq` is committed, save `refused` samples outside the kept window."""

    boot: Uuid
    seq: Count
    refused: Count = 0


class Ping(Message):
    sent_at: Count  # microseconds of a clock that only the device reads


class Pong(Message):
    sent_at: Count  # as received
    at: Time


class Target(Message):
    """What the node shall run: the canonical JSON of a `NodeTarget`, signed by the server for NODE_TARGET."""

    document: Annotated[bytes, Meta(max_length=MAX_DOCUMENT_BYTES)]
    signature: Signature


class HeldShard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far one shard of the accepted target has come on the device."""

    key: Count
    state: ShardState
    have_bytes: Count


class RunningShard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shard in the running process.

    Attributes:
        weights_sha256: computed from the tensors in the process's memory, never from a file.
        verified_at: when it was computed, microseconds UTC.
    """

    key: Count
    weights_sha256: Sha256
    verified_at: Time


class Report(Message, kw_only=True):
    """How desired and real stand on the device; `signature` is by its identity key for NODE_REPORT.

    Sent at every change and at least once a minute, whole each time, so that a lost one is made good by the next.

    Attributes:
        boot, number: order of reports; `number` counts from 1 within a boot.
        at: microseconds UTC, server offset applied.
        generation: of the accepted target; None before the first.
        serving: generation whose shards the process runs; None while it runs nothing.
        state: how far the accepted target has come.
        reason, detail: why it failed or is not as it should be; detail is for people, in English.
        shards: each shard of the accepted target.
        running: each shard in the running process.
    """

    node: Uuid
    boot: Uuid
    number: Annotated[int, Meta(ge=1, le=_LAST)]
    at: Time
    generation: Generation | None
    serving: Generation | None
    state: ReportState
    reason: Reason
    detail: Annotated[str, Meta(max_length=300)]
    shards: Annotated[list[HeldShard], Meta(max_length=MAX_SHARDS)]
    running: Annotated[list[RunningShard], Meta(max_length=MAX_SHARDS)]
    signature: Signature

    def signed_part(self) -> bytes:
        """Return the bytes under the device's signature: every other field, in the order of the struct."""
        fields = [getattr(self, name) for name in self.__struct_fields__ if name != "signature"]
        return msgspec.msgpack.encode(fields)


class Work(Message):
    """What the node shall train: the canonical JSON of a `NodeWork`, signed by the server for NODE_WORK."""

    document: Annotated[bytes, Meta(max_length=work.MAX_DOCUMENT_BYTES)]
    signature: Signature


class TaskProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a node has come with one task; `done` of `total` are steps while training and bytes otherwise."""

    task: Uuid
    state: work.WorkState
    reason: work.WorkReason
    detail: Annotated[str, Meta(max_length=300)]
    done: Count
    total: Count


class Progress(Message):
    """Every task of the newest work, whole each time; sent at each change and at most twice a second."""

    counter: Count  # of the work
    tasks: Annotated[list[TaskProgress], Meta(max_length=work.MAX_TASKS)]


class Bye(Message, omit_defaults=True):
    """The end of the socket; `boot` and `seq` name the frame that was its cause, where one was."""

    code: Annotated[int, Meta(ge=1000, le=4999)]
    reason: Annotated[str, Meta(max_length=500)]
    boot: Uuid | None = None
    seq: Count | None = None


# Close codes of a node socket (4000 to 4999 are the application's, RFC 6455 section 7.4.2).
CLOSE_MALFORMED = 4400
CLOSE_UNAUTHENTICATED = 4401
CLOSE_NOT_ACTIVE = 4403
CLOSE_VERSION = 4406
CLOSE_SILENT = 4408
CLOSE_SUPERSEDED = 4409
CLOSE_TOO_LARGE = 4413
CLOSE_SLOW = 1013
