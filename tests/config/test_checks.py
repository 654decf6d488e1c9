"""What the machine lacks is said in one line that names the way out."""

import socket
from pathlib import Path

import pytest

from config.supervisor import checks
from config.supervisor.errors import CheckFailed
from config.supervisor.options import Options


def options(folder: Path, port: int) -> Options:
    return Options("127.0.0.1", port, agents=0, workers=False, data_dir=folder)


@pytest.mark.parametrize("taken", ["the pages", "the gateway"])
def test_a_busy_port_names_itself_and_the_option(tmp_path: Path, taken: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = other.getsockname()[1]
        port = busy if taken == "the pages" else busy - 1
        with pytest.raises(CheckFailed, match=rf"Port {busy} of 127\.0\.0\.1.*Address already in use.*--port N"):
            checks.ports(options(tmp_path, port))


def test_a_foreign_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="Cannot assign requested address"):
        checks.ports(Options("192.0.2.1", 8000, agents=0, workers=False, data_dir=tmp_path))


def test_a_full_disk_says_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"has 3 MiB free, 1024 are needed.*MUSTER_DATA_DIR"):
        checks.disk(tmp_path, free=lambda _folder: 3 << 20)


def test_a_disk_with_room_is_accepted(tmp_path: Path) -> None:
    checks.disk(tmp_path, free=lambda _folder: checks.LEAST_FREE_BYTES)


def test_a_missing_package_names_the_target_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "NEEDED_PACKAGES", ("django", "not_installed_anywhere"))
    with pytest.raises(CheckFailed, match=r"Not installed: not_installed_anywhere. Run `make install`"):
        checks.packages()


def test_a_data_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckFailed, match=r"cannot be made: Not a directory. Set MUSTER_DATA_DIR"):
        checks.folder(tmp_path / "file" / "var")
