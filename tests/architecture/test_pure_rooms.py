"""`muster`, every `core` and the agent work where there is no Django."""

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER_PACKAGES = (
    "django", "rest_framework", "channels", "celery", "kombu", "redis", "psycopg", "polib", "structlog", "torch",
)  # fmt: skip

# A blocked package fails to import exactly as one that is not installed.
IMPORT_WITHOUT = """
import importlib, sys
blocked = set(sys.argv[1].split(","))
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is blocked here")
sys.meta_path.insert(0, Blocker())
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def modules_of(folder: Path) -> list[str]:
    """Return the names of all modules of a package, itself included; `__main__` is a program, not a module."""
    package = ".".join(folder.relative_to(ROOT).parts)
    found = [module.name for module in pkgutil.walk_packages([str(folder)], prefix=f"{package}.")]
    return [package, *(name for name in found if not name.endswith("__main__"))]


def import_without(blocked: tuple[str, ...], modules: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORT_WITHOUT, ",".join(blocked), *modules],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def has_networks(module: str) -> bool:
    """Return whether a module holds a workload's networks: classes of torch's, imported by its builders alone."""
    return re.fullmatch(r"muster\.workloads\.\w+\.modules", module) is not None


CORES = sorted(
    path for pattern in ("*/core", "fleet/*/core") for path in ROOT.glob(pattern) if (path / "__init__.py").exists()
)


@pytest.mark.parametrize(
    "folder", [ROOT / "muster", ROOT / "agent", *CORES], ids=lambda folder: folder.relative_to(ROOT).as_posix()
)
def test_a_pure_room_imports_without_the_servers_packages(folder: Path) -> None:
    done = import_without(SERVER_PACKAGES, [name for name in modules_of(folder) if not has_networks(name)])

    assert done.returncode == 0, done.stderr


def test_networks_import_without_the_servers_packages_but_torch() -> None:
    networks = [name for name in modules_of(ROOT / "muster") if has_networks(name)]
    done = import_without(tuple(name for name in SERVER_PACKAGES if name != "torch"), networks)

    assert done.returncode == 0, done.stderr
    assert len(networks) >= 2


def test_every_app_has_its_core() -> None:
    assert {core.parent.name for core in CORES} >= {"trust", "registry", "telemetry", "aggregation", "inference"}


def test_what_is_blocked_really_is() -> None:
    done = import_without(("django",), ["fleet.trust.models"])

    assert "django is blocked here" in done.stderr
