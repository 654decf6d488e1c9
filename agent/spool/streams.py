"""The frames of one boot: its segments on disk, what could not be written, and what is acknowledged."""

from collections import deque
from dataclasses import dataclass, field

from agent.spool.segments import Segment


@dataclass
class Stream:
    """One boot's numbered frames.

    Attributes:
        segments: files in order of sequence; the last one may still grow.
        held: frames behind the last segment that the disk did not take, in memory only.
        last_seq: the last sequence numbered, 0 without one.
        acked: everything up to here is stored by the server.
    """

    boot: str
    last_seq: int = 0
    acked: int = 0
    segments: deque[Segment] = field(default_factory=deque)
    held: deque[tuple[int, bytes]] = field(default_factory=deque)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.size_bytes for segment in self.segments)

    def unacked(self) -> int:
        """Return how many frames wait for their acknowledgement."""
        on_disk = sum(self.unacked_in(segment) for segment in self.segments)
        return on_disk + sum(1 for seq, _ in self.held if seq > self.acked)

    def unacked_in(self, segment: Segment) -> int:
        """Return how many frames of `segment` wait for their acknowledgement."""
        return max(0, segment.last_seq - max(self.acked, segment.first_seq - 1))

    def acknowledge(self, seq: int) -> bool:
        """Advance to `seq` and return whether that was news; never past the last one, never back."""
        seq = min(seq, self.last_seq)
        if seq <= self.acked:
            return False
        self.acked = seq
        while self.held and self.held[0][0] <= seq:
            self.held.popleft()
        return True

    def segment_after(self, seq: int) -> Segment | None:
        """Return the first segment that holds a frame behind `seq`."""
        return next((segment for segment in self.segments if segment.last_seq > seq), None)
