"""Servers of their own in a folder that vanishes, with the settings pointed at them."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config.supervisor.embedded import Running, servers


@contextlib.contextmanager
def ground() -> Iterator[None]:
    """Run PostgreSQL (as durable as in life) and Valkey, migrated and ready, until left."""
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder, contextlib.ExitStack() as stack:
        Path(folder).chmod(0o755)  # where we are root, the servers' account passes through
        data_dir = Path(folder) / "var"
        running = Running()
        stack.callback(running.stop)
        postgres, valkey = servers(data_dir)
        running.start(postgres)
        running.start(valkey)
        os.environ.update(
            DJANGO_SETTINGS_MODULE="config.settings",
            MUSTER_DATABASE_URL=postgres.url,
            MUSTER_REDIS_URL=valkey.url,
            MUSTER_DATA_DIR=str(data_dir),
            MUSTER_PUBLIC_URL="http://127.0.0.1:8000",
            MUSTER_GATEWAY_URL="ws://127.0.0.1:8001",
            MUSTER_SECRET_KEY=secrets.token_hex(32),
            MUSTER_LOG_LEVEL="WARNING",
        )
        _prepare()
        yield
        _leave()


def _prepare() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from fleet.telemetry.services import partitions
    from fleet.trust.services import server_key

    call_command("migrate", verbosity=0)
    partitions.reconcile()
    server_key.ensure()


def _leave() -> None:
    from django.db import connection

    connection.close()
    connection.close_pool()
