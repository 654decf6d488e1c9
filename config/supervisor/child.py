"""One child: started, watched, started again when it ends, stopped for good."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from config.supervisor.console import Console
from config.supervisor.errors import StepFailed, SupervisorError
from config.supervisor.launch import Command, start_async
from config.supervisor.leftovers import RunFiles
from config.supervisor.logs import open_log
from config.supervisor.processes import kill_session, signal_one

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0  # who ran this long is started again as if it never had failed
READY_POLL_S = 0.05
READY_TIMEOUT_S = 90.0  # a first start on a slow disk


@dataclass(frozen=True)
class Spec:
    """What a child is.

    Attributes:
        prepare: runs before each start.
        ready: says, given its process id, whether it serves; None for a child that serves nobody.
    """

    name: str
    command: Command
    prepare: Callable[[], None] | None = None
    ready: Callable[[int], Awaitable[bool]] | None = None


@dataclass(frozen=True)
class Surroundings:
    """What all children of a supervisor share."""

    log_dir: Path
    run_files: RunFiles
    console: Console
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


def delay_s(failures: int) -> float:
    """Return the seconds to wait before a start that follows `failures` quick ends.

    >>> [delay_s(n) for n in (0, 1, 2, 3, 10)]
    [1.0, 2.0, 4.0, 8.0, 30.0]
    """
    return float(min(FIRST_DELAY_S * 2**failures, LONGEST_DELAY_S))


class Child:
    """A process that is kept running until `stop`."""

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.name = spec.name
        self._spec = spec
        self._around = around
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The number of the running process, or None between two."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin to keep it running."""
        self._task = asyncio.create_task(self._keep(), name=self.name)

    async def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return once it serves.

        Raises:
            StepFailed: it does not in time.
        """
        if self._spec.ready is None:
            return
        deadline = self._around.clock() + timeout_s
        while self.pid is None or not await self._spec.ready(self.pid):
            if self._task is not None and self._task.done():
                self._task.result()
            if self._around.clock() > deadline:
                raise StepFailed(f"{self.name} does not serve after {timeout_s:.0f} s, see {self._log_name}")
            await asyncio.sleep(READY_POLL_S)

    async def stop(self, timeout_s: float) -> None:
        """End it: its stop signal, then, out of patience or at its end, SIGKILL for whatever it started."""
        self._stopping = True
        if self._task is None:
            return
        if self._process is None:  # between two lives: nothing to wait for
            self._task.cancel()
        else:
            signal_one(self._process.pid, self._spec.command.stop_signal)
        _done, late = await asyncio.wait({self._task}, timeout=timeout_s)
        if late and self._process is not None:
            kill_session(self._process.pid)
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _keep(self) -> None:
        failures = 0
        while not self._stopping:
            began = self._around.clock()
            end = await self._live()
            if self._stopping:
                return
            if self._around.clock() - began >= STEADY_S:
                failures = 0
            delay = delay_s(failures)
            failures += 1
            self._around.console.line(f"{self.name} {end}, restarting in {delay:.0f} s, see {self._log_name}")
            await self._around.sleep(delay)

    async def _live(self) -> str:
        """Run it once; return how it ended, in words."""
        try:
            if self._spec.prepare is not None:
                self._spec.prepare()
            with open_log(self._around.log_dir, self.name) as log:
                self._process = await start_async(self._spec.command, log)
        except (OSError, SupervisorError) as error:
            return f"cannot be started ({error})"
        self._around.run_files.record(self.name, self._process.pid, self._spec.command.stop_signal)
        code = await self._process.wait()
        kill_session(self._process.pid)  # what it started and left behind
        self._around.run_files.forget(self.name)
        self._process = None
        return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"

    @property
    def _log_name(self) -> str:
        return str(self._around.log_dir / f"{self.name}.log")
