"""Tells the live sockets of a person that what they may see has changed.

The message says only to look again. A socket looks by itself every half minute too, so
a Redis that is away delays the end of a revoked access and cannot prevent it.
"""

import asyncio
import uuid
from functools import partial

import redis
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

TIMEOUT_S = 2.0  # Redis that answers slower is treated as away

log = structlog.get_logger(__name__)


def group(user_id: uuid.UUID) -> str:
    """Return the group to which every live socket of a person belongs."""
    return f"person.{user_id}"


def recheck_after_commit(user_id: uuid.UUID) -> None:
    """Make every live socket of the person ask for its access again, once the current transaction has committed."""
    transaction.on_commit(partial(async_to_sync(_send), user_id))


async def _send(user_id: uuid.UUID) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await get_channel_layer().group_send(group(user_id), {"type": "access.changed"})
    except (redis.RedisError, OSError) as error:  # a TimeoutError is an OSError
        log.warning("live_access.not_told", error=str(error) or type(error).__name__)
