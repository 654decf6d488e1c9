"""The agent wheel is handed to everybody, whole and checkable, and nothing else is."""

import hashlib
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fleet.trust.selectors import agent_wheel, enrol_command
from muster import __version__

NAME = f"muster_agent-{__version__}-py3-none-any.whl"


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    settings.MUSTER_DATA_DIR = tmp_path
    folder = tmp_path / "agent"
    folder.mkdir()
    return folder


@pytest.fixture
def wheel(folder: Path) -> Path:
    """A wheel that pip accepts: metadata and nothing else."""
    info = f"muster_agent-{__version__}.dist-info"
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: muster-agent\nVersion: {__version__}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return folder / NAME


def test_the_wheel_of_this_version_is_found_with_its_hash(wheel, settings):
    found = agent_wheel.current()
    assert found.sha256 == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (found.filename, found.size_bytes, found.path) == (NAME, wheel.stat().st_size, wheel)
    assert found.url == f"{settings.MUSTER_PUBLIC_URL}/agent/{NAME}"


def test_without_a_wheel_there_is_none_and_the_command_only_enrols(folder, settings, pin):
    assert agent_wheel.current() is None
    settings.MUSTER_PUBLIC_URL = "https://muster.example"
    command = enrol_command.for_secret("mst_x")
    assert command == f"muster-agent enrol --server https://muster.example --pin {pin} --token mst_x"


def test_a_rebuilt_wheel_has_its_own_hash(wheel):
    before = agent_wheel.current().sha256
    wheel.write_bytes(wheel.read_bytes() + b"more")
    assert agent_wheel.current().sha256 != before


def test_everybody_may_fetch_it(client, wheel):
    answer = client.get(f"/agent/{NAME}")
    assert answer.status_code == 200
    assert answer.content == wheel.read_bytes()
    sha256 = hashlib.sha256(answer.content).hexdigest()
    assert answer["ETag"] == f'"{sha256}"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_what_is_known_is_not_sent_again(client, wheel):
    etag = client.get(f"/agent/{NAME}")["ETag"]
    answer = client.get(f"/agent/{NAME}", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "..%2Fkeys%2Fserver.pem",
        "%2e%2e%2fkeys%2fserver.pem",
        "../keys/server.pem",
        "server.pem",
        "muster_agent-..-py3-none-any.whl%00",
        "muster_agent-9.9.9-py3-none-any.whl",
        "muster_agent-..%2F..%2Fkeys%2Fserver.pem-py3-none-any.whl",
        ".",
        "..",
    ],
)
@pytest.mark.django_db
def test_nothing_else_is_handed_out(client, wheel, pin, name):
    answer = client.get(f"/agent/{name}")
    assert answer.status_code in (404, 302)  # an address outside /agent/ belongs to the pages, which ask to sign in
    assert b"PRIVATE KEY" not in answer.content


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_read_only(client, wheel, method):
    assert getattr(client, method)(f"/agent/{NAME}").status_code == 405


@pytest.fixture
def served(wheel: Path, settings) -> Iterator[None]:
    """The folder behind a real listener, at the address that the command names."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args) -> None:
            super().__init__(*args, directory=str(wheel.parent.parent))

        def log_message(self, *args) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        settings.MUSTER_PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def pip(requirement: str, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-cache-dir", "--no-index"]
    return subprocess.run(
        [*command, "--target", str(target), requirement], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.e2e
def test_pip_installs_what_the_command_names_and_refuses_other_bytes(served, wheel, pin, tmp_path):
    requirement = enrol_command.for_secret("mst_x").split('"')[1]
    assert requirement.endswith(f"{NAME}#sha256={agent_wheel.current().sha256}")
    good = pip(requirement, tmp_path / "good")
    assert good.returncode == 0, good.stderr
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "print('changed on the way')")
    bad = pip(requirement, tmp_path / "bad")
    assert bad.returncode != 0
    assert "do not match" in bad.stderr.lower() + bad.stdout.lower()
    assert not (tmp_path / "bad" / "evil.py").exists()
