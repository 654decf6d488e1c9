"""The server's time, told by a clock of this device that never jumps."""

import time
from collections import deque
from dataclasses import dataclass

from muster.clock import Clock, now_us

# Round trips of which the shortest is believed. At one ping a second this follows a
# drifting crystal within half a minute and outlives a short congestion.
REMEMBERED_ROUND_TRIPS = 32
# A longer one was no round trip: this process stood still between question and answer.
LONGEST_ROUND_TRIP_US = 3_000_000


def steady_us() -> int:
    """Return microseconds of a clock that counts suspended time and is never set."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


@dataclass(frozen=True)
class RoundTrip:
    """One question and answer: its length and what it says about the server's clock."""

    rtt_us: int
    offset_us: int  # server's time less steady time


class ServerClock:
    """Tells the server's time from round trips to it.

    The server read its clock at some moment of the round trip; taking the middle, the
    error is at most half the round trip, so the shortest recent one is used. Until
    the first, the device's own wall clock stands in.
    """

    def __init__(self, steady: Clock = steady_us, wall: Clock = now_us) -> None:
        self._steady = steady
        self._wall = wall
        self._trips: deque[RoundTrip] = deque(maxlen=REMEMBERED_ROUND_TRIPS)
        self.rtt_us: int | None = None

    def observe(self, sent_us: int, server_us: int) -> RoundTrip | None:
        """Learn from an answer that came now to a question of steady time `sent_us`.

        Returns:
            The round trip, None if it cannot be one.
        """
        received_us = self._steady()
        rtt_us = received_us - sent_us
        if not 0 <= rtt_us <= LONGEST_ROUND_TRIP_US:
            return None
        trip = RoundTrip(rtt_us, server_us - (sent_us + rtt_us // 2))
        self._trips.append(trip)
        self.rtt_us = rtt_us
        return trip

    def now_us(self) -> int:
        """Return the server's time in microseconds UTC."""
        if not self._trips:
            return self._wall()
        best = min(self._trips, key=lambda trip: trip.rtt_us)
        return self._steady() + best.offset_us

    def steady_us(self) -> int:
        """Return the steady clock, for the question of a round trip."""
        return self._steady()

    def wall_offset_us(self) -> int | None:
        """Return how far the server's clock is ahead of this device's, None before the first round trip."""
        return self.now_us() - self._wall() if self._trips else None
