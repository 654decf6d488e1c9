"""The models and their migrations agree, and a deployment under https raises no warning."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    output = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=output)
    except SystemExit:
        pytest.fail(output.getvalue())


def test_the_deployment_checks_find_nothing() -> None:
    settings = {
        "MUSTER_PUBLIC_URL": "https://muster.example",
        "MUSTER_GATEWAY_URL": "wss://muster.example",
        "MUSTER_ALLOWED_HOSTS": "muster.example",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
