"""The spool: numbered frames on disk, bounded, until the server acknowledges them.

What survives: the end of the process loses nothing. A power cut loses at most what was
numbered since the last checkpoint (the runtime makes one every second) and was not yet
acknowledged. Acknowledged positions may fall back by a second; the frames in between
are sent again as the same bytes and the server drops them.

When the spool is full its oldest segment goes first, and every later frame says how many
frames were lost. When the disk takes nothing more, the newest frames are held in memory,
so that a device with a full disk is still seen live.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.files import sync_folder, write_atomically
from agent.spool import acks, refused, segments
from agent.spool.cursor import Cursor
from agent.spool.segments import SegmentWriter
from agent.spool.streams import Stream
from muster.wire.messages import MAX_STREAMS, StreamState

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_SEGMENT_BYTES = 1024 * 1024
# A segment of which everything is acknowledged is replaced by an empty one from this size
# on: a connected device keeps a small file and does not make a new one each second.
RETIRE_BYTES = 64 * 1024
HELD_FRAMES = 600  # frames in memory when the disk takes none: ten minutes at one a second


@dataclass(frozen=True)
class Number:
    """The identity of the next frame and what it says of the spool, see `Frame`."""

    boot: str
    seq: int
    dropped: int
    waiting: int


class Spool:
    """Frames of this boot and of earlier ones. Used from one thread; checkpoints may run in another."""

    def __init__(
        self,
        folder: Path,
        boot: str,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
    ) -> None:
        """Open the spool in `folder` for a new boot.

        Raises:
            OSError: the folder cannot be made or read.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max(1, max_bytes // 4))
        self._current = Stream(boot)
        self._earlier: dict[str, Stream] = {}
        self._writer: SegmentWriter | None = None
        self._unsynced: list[int] = []  # descriptors of closed segments that are not synced
        self._acks_changed = False
        self._appended = False
        self._durability = threading.Lock()
        self.dropped = 0
        self._recover()

    @property
    def boot(self) -> str:
        """UUID of this start of the agent."""
        return self._current.boot

    @property
    def waiting(self) -> int:
        """Frames that are not acknowledged."""
        return sum(stream.unacked() for stream in self.streams_by_urgency())

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments on disk."""
        return sum(stream.size_bytes for stream in self.streams_by_urgency())

    @property
    def disk_is_refusing(self) -> bool:
        """Whether the newest frames are only in memory."""
        return bool(self._current.held)

    def streams_by_urgency(self) -> list[Stream]:
        """Return this boot, then the earlier ones, oldest first."""
        return [self._current, *self._earlier.values()]

    def states(self) -> list[StreamState]:
        """Return what the spool holds, for a Hello."""
        return [StreamState(stream.boot, stream.last_seq) for stream in self.streams_by_urgency()]

    def next_number(self) -> Number:
        """Return the identity of the next frame; it is taken by `append`."""
        return Number(self.boot, self._current.last_seq + 1, self.dropped, self.waiting)

    def append(self, body: bytes) -> None:
        """Keep the body of the frame that `next_number` named."""
        self._current.last_seq += 1
        self._current.held.append((self._current.last_seq, body))
        self._write_held()
        while len(self._current.held) > HELD_FRAMES:
            self._current.held.popleft()
            self.dropped += 1
        self._drop_oldest_while_full()

    def acknowledge(self, boot: str, seq: int) -> None:
        """Forget what the server has stored; a position of an unknown boot is passed over."""
        stream = self._stream(boot)
        if stream is None or not stream.acknowledge(seq):
            return
        self._acks_changed = True
        self._remove_acknowledged(stream)

    def set_aside(self, boot: str, seq: int) -> bool:
        """Take a frame that the server cannot store out of the way of those behind it; it counts as dropped.

        Returns:
            Whether it was; a frame that others still wait in front of, or that is gone, is left as it is.
        """
        stream = self._stream(boot)
        if stream is None or stream.acked != seq - 1 or stream.last_seq < seq:
            return False
        first = Cursor(self).first_of(stream)
        if first is not None and first.seq == seq:
            refused.keep(self._folder, first)
        self.dropped += 1
        self.acknowledge(boot, seq)
        return True

    def checkpoint(self) -> Callable[[], None] | None:
        """Return the work that makes everything until now durable, None if there is none.

        The work blocks on the disk and touches no state of the spool, so it may run in
        another thread while frames are appended. Frames that are acknowledged need no sync.
        """
        descriptors, self._unsynced = self._unsynced, []
        if self._writer is not None and self._appended and self._current.unacked():
            descriptors.append(self._writer.duplicate())
        self._appended = False
        positions = self._positions() if self._acks_changed else None
        self._acks_changed = False
        if not descriptors and positions is None:
            return None

        def work() -> None:
            with self._durability:  # the last one, at the end, may meet one that still runs
                _make_durable(self._folder, descriptors, positions)

        return work

    def close(self) -> None:
        """Make everything durable and close the files."""
        work = self.checkpoint()
        if work is not None:
            work()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _stream(self, boot: str) -> Stream | None:
        return self._current if boot == self.boot else self._earlier.get(boot)

    def _recover(self) -> None:
        positions = acks.load(self._folder)
        for segment in segments.recover(self._folder):
            acked = positions.get(segment.boot, 0)
            stream = self._earlier.setdefault(segment.boot, Stream(segment.boot, acked=acked))
            stream.segments.append(segment)
            stream.last_seq = segment.last_seq
        for stream in list(self._earlier.values()):
            self._remove_acknowledged(stream)
        while len(self._earlier) >= MAX_STREAMS:
            self._drop_stream(next(iter(self._earlier.values())))
        self._drop_oldest_while_full()

    def _positions(self) -> dict[str, int]:
        return {stream.boot: stream.acked for stream in self.streams_by_urgency() if stream.acked}

    def _write_held(self) -> None:
        """Write what is held in memory, as far as the disk takes it."""
        held = self._current.held
        try:
            while held:
                self._open_writer(held[0][0]).append(*held[0])
                held.popleft()
                self._appended = True
        except OSError:  # a full or failing disk: the frames stay in memory and are tried again
            return

    def _open_writer(self, seq: int) -> SegmentWriter:
        if self._writer is not None and self._writer.segment.size_bytes >= self._segment_bytes:
            self._close_writer()
        if self._writer is None:
            self._writer = SegmentWriter(self._folder, self.boot, seq)
            self._current.segments.append(self._writer.segment)
        return self._writer

    def _close_writer(self) -> None:
        assert self._writer is not None
        if self._current.unacked_in(self._writer.segment):
            self._unsynced.append(self._writer.duplicate())
        self._writer.close()
        self._writer = None

    def _remove_acknowledged(self, stream: Stream) -> None:
        while stream.segments and not stream.unacked_in(stream.segments[0]):
            if self._is_open(stream.segments[0]):
                if stream.segments[0].size_bytes < RETIRE_BYTES:
                    break
                self._close_writer()
            stream.segments.popleft().path.unlink(missing_ok=True)
        if not stream.segments and stream is not self._current:
            self._earlier.pop(stream.boot, None)

    def _drop_oldest_while_full(self) -> None:
        while self.size_bytes > self._max_bytes:
            oldest = next(iter(self._earlier.values()), self._current)
            self._drop_first_segment(oldest)

    def _drop_stream(self, stream: Stream) -> None:
        while stream.segments:
            self._drop_first_segment(stream)

    def _drop_first_segment(self, stream: Stream) -> None:
        if self._is_open(stream.segments[0]):
            self._close_writer()
        self.dropped += stream.unacked_in(stream.segments[0])
        stream.segments.popleft().path.unlink(missing_ok=True)
        if not stream.segments and stream is not self._current:
            self._earlier.pop(stream.boot, None)

    def _is_open(self, segment: segments.Segment) -> bool:
        return self._writer is not None and self._writer.segment is segment


def _make_durable(folder: Path, descriptors: list[int], positions: dict[str, int] | None) -> None:
    """Sync and close the descriptors, then write the acknowledged positions."""
    try:
        for descriptor in descriptors:
            os.fsync(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    if descriptors:
        sync_folder(folder)
    if positions is not None:
        write_atomically(acks.path_in(folder), acks.encode(positions), durable=False)
