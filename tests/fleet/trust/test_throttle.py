"""Attempts are counted for each key and scope, and a Redis that is away locks nobody out."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from fleet.trust.services import throttle

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def empty() -> None:
    cache.clear()


def test_the_first_attempts_pass_and_the_next_do_not():
    assert [throttle.allow("door", "a", limit=2, period=MINUTE) for _ in range(3)] == [True, True, False]


def test_keys_and_scopes_are_counted_apart():
    assert throttle.allow("door", "a", limit=1, period=MINUTE)
    assert throttle.allow("door", "b", limit=1, period=MINUTE)
    assert throttle.allow("gate", "a", limit=1, period=MINUTE)
    assert not throttle.allow("door", "a", limit=1, period=MINUTE)


def test_cleared_attempts_are_forgotten():
    throttle.allow("door", "a", limit=1, period=MINUTE)
    throttle.clear("door", "a")
    assert throttle.allow("door", "a", limit=1, period=MINUTE)


def test_the_count_ends_with_its_period():
    throttle.allow("door", "a", limit=1, period=MINUTE)
    assert 0 < cache._cache.get_client().ttl(cache.make_key("throttle:door:a")) <= 60


def test_a_redis_that_is_away_locks_nobody_out(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "unix:///nowhere/valkey.sock"}
    }
    assert throttle.allow("door", "a", limit=0, period=MINUTE)
    throttle.clear("door", "a")
