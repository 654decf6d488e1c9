"""Waiting between attempts, with full jitter."""

import asyncio
from collections.abc import Awaitable, Callable
from random import SystemRandom

from fleet.telemetry.gateway import limits

_random = SystemRandom()


class Backoff:
    """Counts failures in a row and waits longer after each, at random below a doubling bound."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.failures = 0
        self._sleep = sleep

    async def wait(self) -> None:
        bound = min(limits.RETRY_CAP_S, limits.RETRY_BASE_S * 2 ** min(self.failures, 16))
        self.failures += 1
        await self._sleep(_random.uniform(0, bound))

    def reset(self) -> None:
        self.failures = 0
