"""`manage.py` without a running product."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_command_without_settings_is_one_line_that_names_the_way_out(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    done = subprocess.run(
        [sys.executable, "manage.py", "list_nodes"],
        cwd=ROOT,
        env=environment | {"MUSTER_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "MUSTER_DATABASE_URL is not set" in line
    assert "make up" in line


def test_a_command_wakes_workers_through_the_broker_of_the_settings() -> None:
    asked = "from celery import current_app; print(current_app.main, current_app.conf.broker_url)"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    name, url = done.stdout.split()[-2:]
    assert name == "muster"
    assert url.startswith("redis")
