"""The servers of the test run itself."""

import pytest
from django.core.cache import cache
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_reached_over_a_unix_socket() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inet_server_addr(), current_user, usesuper FROM pg_user WHERE usename = current_user")
        assert cursor.fetchone() == (None, "muster", False)


def test_the_cache_answers() -> None:
    cache.set("key", "value", 5)
    assert cache.get("key") == "value"
