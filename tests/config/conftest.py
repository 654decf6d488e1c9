"""Children made of a line of shell."""

import asyncio
import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.supervisor.child import Child, Spec, Surroundings
from config.supervisor.console import Console
from config.supervisor.launch import Command
from config.supervisor.leftovers import RunFiles


@dataclass
class Workshop:
    """Makes children and remembers what the terminal showed and how long was waited."""

    folder: Path
    terminal: io.StringIO = field(default_factory=io.StringIO)
    delays: list[float] = field(default_factory=list)

    @property
    def run_files(self) -> RunFiles:
        return RunFiles(self.folder / "run")

    def child(self, script: str, name: str = "child") -> Child:
        return Child(Spec(name, Command(("/bin/sh", "-c", script), cwd=self.folder)), self.around)

    @property
    def around(self) -> Surroundings:
        async def sleep(delay: float) -> None:
            self.delays.append(delay)
            await asyncio.sleep(0)

        return Surroundings(self.folder / "log", self.run_files, Console(self.terminal), sleep=sleep)

    def log(self, name: str = "child") -> str:
        return (self.folder / "log" / f"{name}.log").read_text()

    async def until(self, condition: Callable[[], object], seconds: float = 10) -> None:
        """Wait on a condition; fail when it does not come."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  (what is awaited happens in other processes)
                await asyncio.sleep(0.01)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """Return how to run a piece of Python in a process of its own, with the checkout importable."""

    def argv(source: str) -> tuple[str, ...]:
        path = tmp_path / f"script-{time.monotonic_ns()}.py"
        path.write_text(source)
        return (sys.executable, str(path))

    return argv
