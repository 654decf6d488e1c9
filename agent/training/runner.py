"""Starts the process that trains one task and follows it to its end."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

from agent import child
from agent.training import protocol
from agent.training.errors import TaskFailed
from muster.wire.work import WorkReason

# Between two words of the worker lies a batch, or a pass over all samples without learning. Who
# says nothing for half an hour hangs, and would keep other tasks from their turn.
SILENCE_S = 1_800.0

log = logging.getLogger(__name__)


class Runner:
    """One worker at most."""

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        """Prepare.

        Args:
            command: what to start, the agent's own worker by default; this process's id is appended.
        """
        self._command = command or (sys.executable, "-m", "agent.training.worker")
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while none runs."""
        return self._process.pid if self._process else None

    async def train(self, question: protocol.Learn, on_step: Callable[[int, int], None]) -> None:
        """Train until the update is on disk; being cancelled ends the worker.

        Raises:
            TaskFailed: the worker said why, ended, or hangs.
        """
        process = self._process = await self._start()
        log.info("training task=%s worker=%d", question.task.task, process.pid)
        try:
            async with asyncio.timeout(SILENCE_S) as silence:
                await child.send(process, question)
                while not await self._hear(process, on_step):
                    silence.reschedule(asyncio.get_running_loop().time() + SILENCE_S)
        except TimeoutError as error:
            raise TaskFailed(
                WorkReason.WORKER_DIED, f"the worker said nothing for {SILENCE_S:.0f} s and was ended"
            ) from error
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise TaskFailed(WorkReason.WORKER_DIED, child.ended(await process.wait())) from error
        finally:
            await child.kill(process)
            self._process = None

    @staticmethod
    async def _hear(process: Process, on_step: Callable[[int, int], None]) -> bool:
        """Take in one word of the worker and return whether it was the last."""
        match protocol.said.decode(await child.receive(process)):
            case protocol.Stepped(done, total):
                on_step(done, total)
                return False
            case protocol.Failed(reason, detail):
                raise TaskFailed(reason, detail)
            case _:
                return True

    async def _start(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                str(os.getpid()),
                stdin=PIPE,
                stdout=PIPE,
                stderr=None,
                env=child.environment() | {"OMP_NUM_THREADS": "1"},
            )
        except OSError as error:
            raise TaskFailed(
                WorkReason.WORKER_DIED, f"the worker cannot be started: {error.strerror or error}"
            ) from error
