"""Sends live messages through the channel layer; a Redis that is away costs the message, never the sender."""

import asyncio
from typing import Any, Protocol

import redis
import structlog

log = structlog.get_logger(__name__)

REDIS_AWAY = (redis.RedisError, OSError, TimeoutError)
TIMEOUT_S = 2.0  # Redis that answers slower is treated as away


class Layer(Protocol):
    """The part of a channel layer that is used here."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


class LiveSender:
    """Sends to topics, counts what failed, and logs an outage at its beginning and its end."""

    def __init__(self, layer: Layer) -> None:
        self.failures = 0
        self._layer = layer
        self._away = False

    async def send(self, message: dict[str, Any]) -> bool:
        """Send to everybody who watches the message's topic; False where Redis did not take it."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._layer.group_send(message["topic"], message)
        except REDIS_AWAY as error:
            self.failures += 1
            if not self._away:
                log.warning("live.redis_away", error=str(error) or type(error).__name__)
            self._away = True
            return False
        if self._away:
            log.info("live.redis_back", failures=self.failures)
        self._away = False
        return True
