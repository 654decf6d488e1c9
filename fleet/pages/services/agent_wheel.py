"""Builds the agent's wheel, which this server hands to the devices that enrol."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from muster import __version__

SOURCES = ("muster", "agent")
TIMEOUT_S = 120


class WheelNotBuilt(Exception):
    """The builder ended badly; the message holds its last line."""


def is_current(wheel: Path, root: Path) -> bool:
    """Say whether a wheel is there and younger than everything it is made of."""
    if not wheel.exists():
        return False
    files = [root / "pyproject.toml", *(path for name in SOURCES for path in (root / name).rglob("*.py"))]
    return wheel.stat().st_mtime_ns >= max(path.stat().st_mtime_ns for path in files)


@contextlib.contextmanager
def built() -> Iterator[None]:
    """Build the wheel beside the work of the block, unless the one that is there is current.

    The same sources give the same bytes. A device that downloads meanwhile gets the old wheel or the new one.

    Raises:
        WheelNotBuilt: the builder failed.
    """
    root: Path = settings.BASE_DIR
    folder = Path(settings.MUSTER_DATA_DIR) / "agent"
    wheel = folder / f"muster_agent-{__version__}-py3-none-any.whl"
    if is_current(wheel, root):
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as draft:
        builder = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", draft],
            cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            yield
            output, _none = builder.communicate(timeout=TIMEOUT_S)
        finally:
            builder.kill()
            builder.wait()
        if builder.returncode != 0:
            raise WheelNotBuilt(output.strip().splitlines()[-1] if output.strip() else "hatchling failed")
        (Path(draft) / wheel.name).replace(wheel)
