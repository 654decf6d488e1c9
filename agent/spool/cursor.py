"""Reads the spool once from its acknowledged position, for one connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from agent.spool import records

if TYPE_CHECKING:
    from agent.spool.segments import Segment
    from agent.spool.spool import Spool
    from agent.spool.streams import Stream


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """A frame's identity and the bytes of its body, the same at every sending."""

    boot: str
    seq: int
    body: bytes


@dataclass
class _Position:
    """Read up to `seq`; the next record of `segment` starts at `offset`."""

    seq: int
    segment: Segment | None = None
    offset: int = 0


class Cursor:
    """Hands out each unacknowledged frame once, in order of sequence within a boot.

    The running boot comes first, so that what is measured now is seen now, however
    much an earlier boot has left; earlier boots follow, oldest first.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._positions: dict[str, _Position] = {}

    def take(self, limit: int) -> list[SpooledFrame]:
        """Return up to `limit` frames that were not handed out before."""
        taken: list[SpooledFrame] = []
        for stream in self._spool.streams_by_urgency():
            if len(taken) >= limit:
                break
            taken.extend(self._take_from(stream, limit - len(taken)))
        return taken

    def first_of(self, stream: Stream) -> SpooledFrame | None:
        """Return the first frame of one stream that was not handed out before, None without one."""
        return next(iter(self._take_from(stream, 1)), None)

    def _take_from(self, stream: Stream, limit: int) -> list[SpooledFrame]:
        position = self._positions.setdefault(stream.boot, _Position(stream.acked))
        position.seq = max(position.seq, stream.acked)
        taken = list(islice(self._walk(stream, position), limit))
        if taken:
            position.seq = taken[-1].seq
        return taken

    def _walk(self, stream: Stream, position: _Position) -> Iterator[SpooledFrame]:
        after = position.seq
        while (segment := stream.segment_after(after)) is not None:
            yield from self._walk_segment(segment, position, after)
            after = segment.last_seq  # what is unreadable in it is passed over
        yield from (SpooledFrame(stream.boot, seq, body) for seq, body in list(stream.held) if seq > after)

    @staticmethod
    def _walk_segment(segment: Segment, position: _Position, after: int) -> Iterator[SpooledFrame]:
        if position.segment is not segment:
            position.segment, position.offset = segment, 0
        start = position.offset
        for record in records.parse(segment.read(start)):
            position.offset = start + record.end
            if record.seq > after:
                yield SpooledFrame(segment.boot, record.seq, record.body)
