"""One supervisor for a data directory."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from config.supervisor import lock
from config.supervisor.errors import AlreadyRunning


def test_a_second_supervisor_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.lock"
    with lock.held(path, "http://127.0.0.1:8000"), pytest.raises(AlreadyRunning) as refusal, lock.held(path, "other"):
        pass

    message = str(refusal.value)
    assert f"process {os.getpid()}, http://127.0.0.1:8000" in message
    assert "MUSTER_DATA_DIR" in message
    assert "\n" not in message


def test_the_file_of_a_supervisor_that_is_gone_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.lock"
    path.write_text('{"pid": 1, "address": "http://gone"}')
    with lock.held(path, "http://here"):
        assert json.loads(path.read_text())["address"] == "http://here"


def test_a_file_that_was_cut_short_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.lock"
    path.write_text('{"pi')
    with lock.held(path, "http://here"):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_holder_that_wrote_nothing_yet_is_still_a_holder(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.lock"
    with lock.held(path, "http://here"):
        path.write_text("")
        with pytest.raises(AlreadyRunning, match="already being started"), lock.held(path, "other"):
            pass


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.lock"
    with lock.held(path, "http://here"):
        child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        with lock.held(path, "http://again"):
            assert child.poll() is None
    finally:
        child.kill()
        child.wait()
