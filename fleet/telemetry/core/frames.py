"""Decisions on frames: what is stored, what is known already, what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from muster.wire.messages import Frame, Inference, Sample

Row = tuple[int, int, int, int, int, float, int, float, int | None, float | None, float | None]
InferenceRow = tuple[int, int, int, int, int, int, int, int, int, int, int, bool]

LARGEST_INT32 = 2**31 - 1


class Origin(Protocol):
    """The socket a frame came from, as the writer sees it."""

    @property
    def refused(self) -> bool:
        """Whether a frame of it was rejected: one behind it must not be stored, or the first would count as stored."""

    def stored(self, boot: str, seq: int, refused: int) -> None:
        """Everything of `boot` up to `seq` is committed."""

    def superseded(self) -> None:
        """A newer connection owns the node."""

    def rejected(self, frame: Frame, reason: str) -> None:
        """The database refuses this frame."""

    def publish(self, samples: list[Sample], inferences: list[Inference]) -> None:
        """Readings of this socket's node were committed."""


@dataclass(slots=True, eq=False)
class Incoming:
    """A frame on its way into the database.

    Attributes:
        stream, node: row numbers of the stream and its node.
        epoch: of the connection it came over.
        live: whether its boot is the one that holds the connection.
        received_at: microseconds UTC on the server's clock.
        size_bytes: on the wire; what the queue is bounded by.
    """

    origin: Origin
    stream: int
    node: int
    epoch: int
    live: bool
    frame: Frame
    received_at: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream as it stands under the writer's lock."""

    epoch: int
    acked_seq: int


@dataclass(frozen=True, slots=True)
class Window:
    """The readings that are kept: `oldest_us` ≤ at ≤ `newest_us`."""

    oldest_us: int
    newest_us: int

    def holds(self, at: int) -> bool:
        return self.oldest_us <= at <= self.newest_us


@dataclass(slots=True)
class Advance:
    """How far one stream moves."""

    node: int
    epoch: int
    seq: int
    refused: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """A node's inference in one reading: when, and the mean time in a component over the requests of all of them."""

    at: int
    mean_us: int


@dataclass(slots=True)
class Present:
    """What one node's presence becomes; `sample` is None where only the lease moves."""

    epoch: int
    sample: Sample | None = None
    waiting: int = 0
    dropped: int = 0
    answered: Answered | None = None


@dataclass(slots=True)
class Plan:
    """What one transaction writes and whom it then tells."""

    rows: list[Row] = field(default_factory=list)
    inference_rows: list[InferenceRow] = field(default_factory=list)
    advances: dict[int, Advance] = field(default_factory=dict)
    present: dict[int, Present] = field(default_factory=dict)
    stale: list[Incoming] = field(default_factory=list)
    known: list[tuple[Incoming, int, int]] = field(default_factory=list)  # frame, acked sequence, refused samples
    fresh: list[tuple[Incoming, list[Sample], list[Inference]]] = field(default_factory=list)


def plan(batch: list[Incoming], streams: dict[int, StreamRow], window: Window) -> Plan:
    """Decide on each frame of a batch, in the order of arrival.

    A frame of a stream that is gone or belongs to a newer connection is stale. A sequence
    that is already stored is only acknowledged again. Of the rest, readings inside `window`
    become rows, with what was answered between them, and the others are counted as refused.
    """
    result = Plan()
    for item in batch:
        row = streams.get(item.stream)
        if row is None or row.epoch != item.epoch:
            result.stale.append(item)
            continue
        advance = result.advances.get(item.stream)
        acked = row.acked_seq if advance is None else advance.seq
        if item.frame.seq <= acked:
            result.known.append((item, acked, 0))
        else:
            _store(result, item, advance, window)
        result.present.setdefault(item.node, Present(item.epoch))
    return result


def _store(result: Plan, item: Incoming, advance: Advance | None, window: Window) -> None:
    frame = item.frame
    kept = [sample for sample in frame.samples if window.holds(sample.at)]
    refused = len(frame.samples) - len(kept)
    result.rows.extend(_row(item, sample) for sample in kept)
    if advance is None:
        advance = result.advances[item.stream] = Advance(item.node, item.epoch, frame.seq)
    advance.seq = frame.seq
    advance.refused += refused
    advance.dropped = frame.dropped
    result.known.append((item, frame.seq, refused))
    answers = _answers(result, item, window) if frame.inferences else []
    if kept or answers:
        result.fresh.append((item, kept, answers))
    if item.live and kept:
        answered = _answered(answers) if answers else None
        before = result.present.get(item.node)
        if answered is None and before is not None:
            answered = before.answered  # a frame without answers leaves those of one before it
        result.present[item.node] = Present(item.epoch, kept[-1], frame.waiting, frame.dropped, answered)


def _answers(result: Plan, item: Incoming, window: Window) -> list[Inference]:
    answers = [answer for answer in item.frame.inferences if window.holds(answer.at)]
    result.inference_rows.extend(_inference_row(item, answer) for answer in answers)
    return answers


def _answered(answers: list[Inference]) -> Answered | None:
    requests = sum(answer.requests for answer in answers)
    if not requests:
        return None
    total_us = sum(answer.total_us for answer in answers if answer.requests)
    return Answered(max(answer.at for answer in answers), min(total_us // requests, LARGEST_INT32))


def _row(item: Incoming, sample: Sample) -> Row:
    return (
        item.node,
        sample.at,
        item.received_at,
        item.stream,
        item.frame.seq,
        sample.cpu,
        sample.memory_used_bytes,
        sample.load1,
        sample.rtt_us,
        sample.temperature_c,
        sample.battery,
    )


def _inference_row(item: Incoming, answer: Inference) -> InferenceRow:
    return (
        item.node,
        answer.at,
        item.received_at,
        item.stream,
        item.frame.seq,
        answer.shard,
        answer.requests,
        answer.errors,
        answer.total_us,
        answer.least_us,
        answer.most_us,
        answer.local,
    )
