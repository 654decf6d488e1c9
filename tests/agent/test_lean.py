"""The agent carries only what it needs: no server, no tensors, and no HTTP client until it has something to fetch."""

import re
import subprocess
import sys

import pytest

from agent.cli import EXIT_CODES
from agent.errors import AgentError
from tests.agent.conftest import ROOT

NEVER = ("django", "torch", "numpy", "rest_framework", "channels", "celery", "config", "fleet")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("agent", "muster")
    for path in (ROOT / folder).rglob("*.py")
    if path.name not in {"__main__.py", "__init__.py"}
)
# The included workloads' own torch modules: what builds a component imports them, in the worker.
BUILDERS = [name for name in MODULES if name.startswith("muster.workloads.") and name.endswith(".modules")]


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has after these imports."""
    code = f"import sys, {', '.join(modules)}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_no_module_of_agent_or_muster_needs_the_server() -> None:
    assert loaded_by(*(name for name in MODULES if name not in BUILDERS)).isdisjoint(NEVER)


def test_the_running_agent_has_no_http_client_before_it_fetches() -> None:
    assert "httpx" not in loaded_by("agent.cli", "agent.runtime", "agent.serving.service", "agent.serving.worker")
    assert "httpx" in loaded_by("agent.enrolment")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["enrol", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from agent.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'cryptography', 'websockets', 'psutil', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_an_unknown_command_and_a_missing_argument_are_usage_errors() -> None:
    for arguments in (["fly"], ["enrol", "--token", "x"], []):
        run = subprocess.run(
            [sys.executable, "-m", "agent", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == 2
        assert "usage" in run.stderr


def test_the_help_lists_the_exit_code_of_every_error() -> None:
    codes = {error.exit_code for error in AgentError.__subclasses__()}
    listed = [int(code) for code in re.findall(r"(?:^| )(\d+) [a-z]", EXIT_CODES, re.MULTILINE)]
    assert sorted(listed) == sorted(codes | {0})
