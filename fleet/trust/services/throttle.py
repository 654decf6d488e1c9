"""Counts attempts in Redis, so that the public doors cannot be hammered.

Redis may be emptied or away at any time. Then attempts pass: the doors' own
checks (128-bit tokens, slow password hashes) stand without the counter.
"""

from datetime import timedelta

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def allow(scope: str, key: str, *, limit: int, period: timedelta) -> bool:
    """Count one attempt of `key` at `scope`; say whether it is among the first `limit` of its period."""
    name = f"throttle:{scope}:{key}"
    try:
        cache.add(name, 0, timeout=int(period.total_seconds()))
        return int(cache.incr(name)) <= limit
    except ValueError:  # it expired between the two commands: a new period has begun
        return True
    except RedisError as error:
        log.warning("throttle.unavailable", scope=scope, error=str(error))
        return True


def clear(scope: str, key: str) -> None:
    """Forget the attempts of `key`, as after a successful sign-in."""
    try:
        cache.delete(f"throttle:{scope}:{key}")
    except RedisError as error:
        log.warning("throttle.unavailable", scope=scope, error=str(error))
