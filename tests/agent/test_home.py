"""The agent's folder: where it is, whose it is, and that one process has it."""

from pathlib import Path

import pytest

from agent.errors import AlreadyRunning, HomeUnusable
from agent.files import write_atomically
from agent.home import Home


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSTER_AGENT_HOME", str(tmp_path / "agent"))
    assert Home.default().path == tmp_path / "agent"


def test_a_new_folder_is_made_with_its_parents_and_an_old_one_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "b")
    assert home.prepare() is True
    assert home.prepare() is False
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeUnusable, match="choose another with --home"):
        Home(tmp_path / "home").prepare()


def test_the_lock_is_free_again_after_its_holder(home: Home) -> None:
    with home.locked():
        assert home.is_locked()
        with pytest.raises(AlreadyRunning), home.locked():
            pass
    assert not home.is_locked()


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    (tmp_path / ".file.new").mkdir()  # the temporary file cannot be made
    with pytest.raises(OSError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_file_is_for_its_owner_alone_whatever_was_there(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_text("leftover")
    (tmp_path / ".file.new").chmod(0o666)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
