"""How long to wait before trying again."""

import random
from collections.abc import Callable

# A node has to be healthy 5 s after the way to the server is free again: a dial into a black
# hole (2 s), what is waited behind it, the next dial and the first frame fit into that. After
# five minutes the outage is a long one and a slower knock is kinder to a server that starts.
FIRST_CAP_S = 1.5
LATER_CAP_S = 3.0
PATIENT_AFTER_S = 300.0
BASE_S = 0.2

Uniform = Callable[[float, float], float]


def full_jitter_s(failures: int, first_s: float, cap_s: float, uniform: Uniform = random.uniform) -> float:
    """Return the seconds to wait after so many failures in a row, of ceilings from `first_s` doubling to `cap_s`."""
    ceiling: float = min(cap_s, first_s * 2 ** min(max(0, failures - 1), 16))
    return uniform(0.0, ceiling)


class Backoff:
    """Exponential back-off with full jitter, so that a fleet does not return in step."""

    def __init__(self, uniform: Uniform = random.uniform) -> None:
        self._uniform = uniform
        self._failures = 0

    def reset(self) -> None:
        """Start from the beginning: the connection stood."""
        self._failures = 0

    def next_delay_s(self, outage_s: float, spent_s: float = 0.0) -> float:
        """Return the seconds to wait after one more failure.

        Args:
            outage_s: seconds since the last good connection.
            spent_s: seconds that the failed attempt took itself; they count as waited.
        """
        cap = FIRST_CAP_S if outage_s < PATIENT_AFTER_S else LATER_CAP_S
        ceiling = max(BASE_S, min(cap, BASE_S * 2 ** min(self._failures, 16)) - spent_s)
        self._failures += 1
        return self._uniform(0.0, ceiling)
