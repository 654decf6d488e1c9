"""What a killed supervisor leaves is ended before the next start; strangers are not touched."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from config.supervisor.leftovers import RunFiles
from config.supervisor.processes import Identity, wait_gone

ROOT = Path(__file__).resolve().parent.parent.parent

SUPERVISOR = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from config.supervisor.launch import Command, start
child = start(Command(("/bin/sleep", "60")))
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def orphan():
    """A process in a session of its own that nobody ties to us."""
    process = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_children_die_with_a_supervisor_that_is_killed() -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(ROOT)], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = Identity.of(int(supervisor.stdout.readline()))
    assert child is not None
    supervisor.kill()
    supervisor.communicate()

    assert wait_gone(child, 5)


def test_a_remembered_process_that_still_runs_is_ended(tmp_path: Path, orphan) -> None:
    files = RunFiles(tmp_path)
    files.record("web", orphan.pid, signal.SIGTERM)

    assert files.stop_leftovers() == ["web"]
    assert orphan.wait(5) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_one_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    stubborn = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo armed; while true; do sleep 0.1; done"],
        start_new_session=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    files = RunFiles(tmp_path)
    files.record("web", stubborn.pid, signal.SIGTERM)

    assert files.stop_leftovers(patience_s=0.2) == ["web"]
    assert stubborn.wait(5) == -signal.SIGKILL
    stubborn.stdout.close()


def test_a_stranger_who_has_the_number_by_now_is_left_alone(tmp_path: Path, orphan) -> None:
    identity = Identity.of(orphan.pid)
    assert identity is not None
    earlier = replace(identity, started_ticks=identity.started_ticks - 1)
    (tmp_path / "web.json").write_text(json.dumps({**asdict(earlier), "stop_signal": 15}))

    assert RunFiles(tmp_path).stop_leftovers() == []
    assert orphan.poll() is None


def test_a_file_that_was_cut_short_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text('{"pid": ')

    assert RunFiles(tmp_path).stop_leftovers() == []
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ended_is_nobody() -> None:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()

    assert Identity.of(ended.pid) is None
    assert Identity.of(os.getpid()) is not None
