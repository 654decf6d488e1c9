"""Time on the wire: int64 microseconds since 1970-01-01 UTC."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def now_us() -> int:
    """Return this machine's wall clock in microseconds UTC."""
    return time.time_ns() // 1_000
