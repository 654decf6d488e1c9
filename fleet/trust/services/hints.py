"""Tells other processes over Redis that rows have changed.

A hint says only where to look: readers poll as well, so a lost one costs seconds
and a Redis that is away costs nothing but a line in the log.
"""

from collections.abc import Sequence
from functools import lru_cache, partial

import redis
import structlog
from django.conf import settings
from django.db import transaction

TIMEOUT_S = 2.0

log = structlog.get_logger(__name__)


def publish_after_commit(channel: str, message: str) -> None:
    """Publish `message` once the current transaction has committed, never if it rolls back."""
    transaction.on_commit(partial(_publish, channel, message))


def publish_all_after_commit(channel: str, messages: Sequence[str]) -> None:
    """Publish many messages in one exchange once the current transaction has committed."""
    if messages:
        transaction.on_commit(partial(_publish, channel, *messages))


def _publish(channel: str, *messages: str) -> None:
    try:
        with _client(settings.MUSTER_REDIS_URL).pipeline(transaction=False) as exchange:
            for message in messages:
                exchange.publish(channel, message)
            exchange.execute()
    except redis.RedisError as error:
        log.warning("hint.lost", channel=channel, error=str(error))


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
