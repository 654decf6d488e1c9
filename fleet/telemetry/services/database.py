"""Connections beside Django's: the same database, for processes that need psycopg itself."""

from django.db import connection
from psycopg.conninfo import make_conninfo

# A transaction that waits this long is stuck; it is undone and tried again.
GATEWAY_OPTIONS = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"


def conninfo(application: str) -> str:
    """Return the connection string of Django's default database."""
    wanted = connection.settings_dict
    return make_conninfo(
        dbname=wanted["NAME"],
        user=wanted["USER"] or None,
        password=wanted["PASSWORD"] or None,
        host=wanted["HOST"] or None,
        port=wanted["PORT"] or None,
        connect_timeout=5,
        application_name=application,
        keepalives_idle=10,
        tcp_user_timeout=10_000,
    )
