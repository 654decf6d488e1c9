"""Keeps the worker process: starts it when shards are to be staged, notices its end, stops it."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from agent import child
from agent.faults import LoadFailed
from agent.serving import protocol
from muster.wire.targets import Reason

# A question may wait behind a big shard's hash; past this the worker hangs and is ended.
ANSWER_TIMEOUT_S = 60.0
# The slowest disk and processor that is still worth waiting for, when shards are loaded or hashed.
SLOWEST_BYTES_PER_S = 8 << 20

log = logging.getLogger(__name__)

A = TypeVar("A", bound=protocol.Answer)


class WorkerDied(LoadFailed):
    """The worker ended before it answered."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.WORKER_DIED, detail)


class Runner:
    """One worker at most, and one question at a time."""

    def __init__(self, on_death: Callable[[str], None], command: tuple[str, ...] | None = None) -> None:
        """Prepare; the worker starts when shards are to be staged.

        Args:
            on_death: called with the words when a worker ends that was not stopped.
            command: what to start, the agent's own worker by default; this process's id is appended.
        """
        self._on_death = on_death
        self._command = command or (sys.executable, "-m", "agent.serving.worker")
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._number = 0

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while none runs."""
        return self._process.pid if self._process else None

    async def ask(self, question: protocol.Question, kind: type[A], size_bytes: int = 0) -> A:
        """Return the worker's answer.

        Args:
            size_bytes: of the tensors that it has to read for this.

        Raises:
            WorkerDied: it ended or hangs.
            LoadFailed: it answered with a failure.
        """
        # Cancelling the asker must not leave half an answer in the pipe: the exchange goes on without it.
        exchange = asyncio.create_task(self._exchange(question, ANSWER_TIMEOUT_S + size_bytes / SLOWEST_BYTES_PER_S))
        exchange.add_done_callback(lambda task: task.cancelled() or task.exception())
        answer = await asyncio.shield(exchange)
        if isinstance(answer, protocol.Failed):
            raise LoadFailed(answer.reason, answer.detail)
        assert isinstance(answer, kind)
        return answer

    async def stop(self) -> None:
        """End the worker, if one runs; it has nothing to save."""
        process, self._process = self._process, None
        watch = self._watch
        if process is not None:
            await child.kill(process)
            if watch is not None:
                await watch
            log.info("worker stopped pid=%d", process.pid)

    async def _exchange(self, question: protocol.Question, timeout_s: float) -> protocol.AnyAnswer:
        async with self._turn:
            process = self._process
            if process is None:
                if not isinstance(question, protocol.Stage):
                    raise WorkerDied("no worker runs")
                process = await self._start()
            self._number += 1
            question.number = self._number
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await _talk(process, question)
            except TimeoutError as error:
                with suppress(ProcessLookupError):
                    process.kill()
                raise WorkerDied(f"the worker did not answer within {timeout_s:.0f} s and was ended") from error
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                raise WorkerDied(child.ended(await process.wait())) from error
        assert answer.number == question.number
        return answer

    async def _start(self) -> Process:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, str(os.getpid()), stdin=PIPE, stdout=PIPE, stderr=None, env=child.environment()
            )
        except OSError as error:
            raise WorkerDied(f"the worker cannot be started: {error.strerror or error}") from error
        self._process = process
        self._watch = asyncio.create_task(self._await_end(process))
        log.info("worker started pid=%d", process.pid)
        return process

    async def _await_end(self, process: Process) -> None:
        code = await process.wait()
        if self._process is process:
            self._process = None
            log.error("worker ended pid=%d code=%d", process.pid, code)
            self._on_death(child.ended(code))


async def _talk(process: Process, question: protocol.Question) -> protocol.AnyAnswer:
    await child.send(process, question)
    answer: protocol.AnyAnswer = protocol.answers.decode(await child.receive(process))
    return answer
