"""A lease that a healthy node cannot keep is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import ConfigError
from config.timing import check_lease

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("lease_seconds", "interval_ms"), [(6, 1000), (2, 1000), (6, 3000), (7200, 3_600_000)])
def test_two_readings_fit_into_a_lease(lease_seconds: int, interval_ms: int) -> None:
    check_lease(lease_seconds, interval_ms)


@pytest.mark.parametrize(("lease_seconds", "interval_ms", "needed"), [(2, 1001, 3), (6, 3001, 7), (6, 3_600_000, 7200)])
def test_a_lease_that_ends_too_soon_names_the_one_that_would_do(
    lease_seconds: int, interval_ms: int, needed: int
) -> None:
    with pytest.raises(ConfigError, match=f"Set MUSTER_LEASE_SECONDS to {needed} or more"):
        check_lease(lease_seconds, interval_ms)


def test_no_process_starts_with_such_a_lease() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"MUSTER_SAMPLE_INTERVAL_MS": "5000", "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode != 0
    assert "Set MUSTER_LEASE_SECONDS to 10 or more" in done.stderr
