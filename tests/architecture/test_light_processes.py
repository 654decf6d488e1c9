"""Web, gateway and beat never import torch: it costs a second and 220 MB of each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROCESSES = {
    "web": "import config.asgi; from django.urls import get_resolver; get_resolver().url_patterns",
    "wsgi": "import config.wsgi; from django.urls import get_resolver; get_resolver().url_patterns",
    "gateway": "import config.gateway",
    "beat": "from config.celery import app; app.loader.import_default_modules()",
    "pulse": "import django; django.setup(); import fleet.telemetry.management.commands.pulse",
    "supervisor": "import config.supervisor.main",
}
HEAVY = ("torch", "plotly")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_without_tensors_imports_no_torch(process: str) -> None:
    source = f"{PROCESSES[process]}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_supervisor_imports_no_django() -> None:
    source = f"{PROCESSES['supervisor']}\nimport sys\nprint('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.stdout == "False\n", done.stderr
