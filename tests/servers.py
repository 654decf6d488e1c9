"""Starts PostgreSQL and Valkey for a test run and points the settings at them.

Loaded by `-p tests.servers`, so that the environment is complete before Django's
settings load. PostgreSQL is started once and shared: each xdist worker has its
own database in it. Valkey, whose channels span its databases, is one per process.
"""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config.supervisor.embedded import UNSAFE_AND_FAST, Running, servers
from fleet.pages.services import catalogues

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers before any plugin reads the settings; a wrapper runs ahead of every plain hook."""
    folder = tempfile.TemporaryDirectory(prefix="muster-test-")
    Path(folder.name).chmod(0o755)  # where we are root, the servers' account passes through
    running = Running()
    early_config.add_cleanup(folder.cleanup)
    early_config.add_cleanup(running.stop)
    data_dir = Path(folder.name) / "var"
    postgres, valkey = servers(data_dir, options=UNSAFE_AND_FAST)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        catalogues.compile_all(ROOT / "locale")
        running.start(postgres)
        os.environ["MUSTER_DATABASE_URL"] = postgres.url
    running.start(valkey)
    os.environ.update(
        MUSTER_REDIS_URL=valkey.url,
        MUSTER_DATA_DIR=str(data_dir),
        MUSTER_PUBLIC_URL="http://testserver",
        MUSTER_GATEWAY_URL="ws://testserver:8001",
        MUSTER_ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
        MUSTER_SECRET_KEY="only-for-tests-" + "0123456789" * 5,
    )
    (data_dir / "static").mkdir()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Serve static files from the sources, without `collectstatic`; hash passwords quickly."""
    from django.conf import settings

    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.SERVESTATIC_USE_FINDERS = settings.SERVESTATIC_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
