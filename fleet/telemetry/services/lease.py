"""A lease that one process in the fleet holds: a session-level advisory lock on a connection of its own."""

import contextlib
from typing import Any

import psycopg
import structlog

from fleet.telemetry.services import database

log = structlog.get_logger(__name__)


class Lease:
    """Held while its connection lives; PostgreSQL gives it to another the moment that connection ends."""

    def __init__(self, key: int, application: str) -> None:
        self._key = key
        self._application = application
        self._connection: psycopg.Connection[Any] | None = None

    def hold(self) -> bool:
        """Take the lease, or see that it is still held; False while another process holds it.

        Raises:
            psycopg.Error: the database is away.
        """
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return True
            return self._take()
        except psycopg.Error:
            self.release()
            raise

    def release(self) -> None:
        """Give the lease up; harmless when it is not held."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
        self._connection = None

    def _take(self) -> bool:
        connection = psycopg.connect(database.conninfo(self._application), autocommit=True)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [self._key]).fetchone()
        if row is None or not row[0]:
            connection.close()
            return False
        self._connection = connection
        log.info("lease.taken", application=self._application)
        return True
