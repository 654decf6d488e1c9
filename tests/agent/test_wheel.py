"""The wheel stands alone: an empty environment, without the checkout, Django or torch."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from muster import __version__
from tests.agent.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as the server serves it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_agent_and_muster_alone(wheel: Path) -> None:
    assert wheel.name == f"muster_agent-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"agent", "muster", f"muster_agent-{__version__}.dist-info"}
    assert "agent/spool/spool.py" in names
    assert not [name for name in names if name.endswith((".pyc", ".po", ".json"))]


@pytest.mark.e2e
def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], cwd=tmp_path, check=True)
    command = tmp_path / "venv" / "bin" / "muster-agent"
    version = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert version.stdout == f"muster-agent {__version__}\n"
    imports = "import agent.runtime, agent.enrolment, sys; assert not {'django', 'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([python, "-c", imports], cwd=tmp_path, check=True)
    status = subprocess.run([command, "status", "--home", "home"], cwd=tmp_path, capture_output=True, check=False)
    assert status.returncode == 3
