"""Brings the tasks of the accepted work to their end: looks, does the most urgent thing, looks again.

Two things may be done at once: one over the line to the gateway, and one training. Both look at
the same facts, and both give up at once what is no longer asked for.
"""

import asyncio
import logging
import math
from dataclasses import replace

from agent.artifacts.download import Downloader
from agent.faults import DocumentRefused, Fault, ShelfFailed
from agent.memory import Available
from agent.threads import in_thread
from agent.training import protocol
from agent.training.decide import Action, Fetch, Train, Upload
from agent.training.errors import OtherAttempt, TaskFailed, UpdateDamaged, of_fault
from agent.training.memory import require
from agent.training.runner import Runner
from agent.training.state import State
from agent.training.teller import Teller
from agent.training.updates import Update
from agent.training.upload import Uploader
from muster.wire.messages import Work
from muster.wire.work import NodeWork, TrainingTask, WorkReason

LOOK_AGAIN_S = 30.0  # level-triggered: also without any news
ATTEMPTS_AT_ONCE = 16  # as which one update is announced, one after the other, before the server contradicts itself

log = logging.getLogger(__name__)


class Lane:
    """One thing at a time, of some kinds."""

    def __init__(self, *kinds: type[Fetch | Train | Upload]) -> None:
        self.kinds = kinds
        self.wake = asyncio.Event()


class Reconciler:
    """The loops; they alone change how tasks stand."""

    def __init__(
        self,
        state: State,
        runner: Runner,
        downloader: Downloader,
        uploader: Uploader,
        teller: Teller,
        *,
        node: str,
        data_dir: str | None,
        folder: str,
        available: Available,
    ) -> None:
        """Prepare.

        Args:
            folder: where updates go.
        """
        self._state = state
        self._runner = runner
        self._downloader = downloader
        self._uploader = uploader
        self._teller = teller
        self._node = node
        self._data_dir = data_dir
        self._folder = folder
        self._available = available
        self._lanes = (Lane(Fetch, Upload), Lane(Train))
        self._offered: tuple[Work, NodeWork] | None = None
        self._news = asyncio.Event()
        self._stopping = False

    def offer(self, message: Work) -> None:
        """Take work that came; what is refused leaves everything as it is, and the log says so."""
        try:
            work = self._state.works.check(message)
        except DocumentRefused as error:
            log.error("work refused reason=%s: %s", error.reason, error)  # noqa: TRY400
            return
        if work is not None and (self._offered is None or work.counter > self._offered[1].counter):
            self._offered = (message, work)
            self._news.set()

    def connected(self) -> None:
        """Try at once what could not be reached, and ask whether the server still has what it took."""
        for action, failure in self._state.failures.items():
            if failure.reason == WorkReason.UNREACHABLE:
                self._state.failures[action] = replace(failure, retry_at=0.0)
        self._state.confirmed.clear()  # it may have been restored from a backup
        self._changed()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        work = (self._take_in(), *map(self._go_along, self._lanes))
        tasks = [asyncio.create_task(part) for part in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            self._stopping = True  # a hash in a thread ends soon
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _take_in(self) -> None:
        """Make what is offered the accepted work, once it is on disk."""
        failures = 0
        await self._tidy()
        while True:
            await self._news.wait()
            self._news.clear()
            offered = self._offered
            assert offered is not None
            try:
                await in_thread(lambda offered=offered: self._state.works.accept(*offered))  # type: ignore[misc]
            except ShelfFailed as error:
                failures += 1
                log.error("work not taken: %s", error)  # noqa: TRY400
                await asyncio.sleep(self._state.patience.retry_after_s(failures))
                self._news.set()
                continue
            failures = 0
            log.info("work accepted counter=%d tasks=%d", offered[1].counter, len(offered[1].tasks))
            self._state.forget()
            self._changed()
            await self._tidy()

    async def _tidy(self) -> None:
        """Remove updates and artifacts that nobody asks for any more."""
        if self._state.works.accepted is None:
            return  # whoever has lost its work may still be asked
        named = {task.task for task in self._state.tasks}
        try:
            await in_thread(lambda: self._state.updates.retain(named))
            await in_thread(self._state.shelf.prune)
        except OSError as error:
            log.warning("what nobody asks for any more cannot be removed: %s", error)

    async def _go_along(self, lane: Lane) -> None:
        while True:
            lane.wake.clear()
            self._state.forget()
            action, wait_s = self._choose(lane)
            self._teller.changed()
            if action is not None:
                await self._perform(action, lane)
            elif not lane.wake.is_set():
                await _nap(lane.wake, wait_s)

    def _choose(self, lane: Lane) -> tuple[Action | None, float]:
        """Return the most urgent action of a lane that is not to wait, or the seconds until one is due."""
        now, wait_s = self._state.now(), LOOK_AGAIN_S
        for action in self._state.candidates():
            if not isinstance(action, lane.kinds):
                continue
            failure = self._state.failures.get(action)
            if failure is None or failure.retry_at <= now:
                return action, 0.0
            wait_s = min(wait_s, failure.retry_at - now)
        return None, wait_s

    async def _perform(self, action: Action, lane: Lane) -> None:
        """Do one thing, for as long as its task is asked for."""
        self._state.doing.add(action)
        self._teller.changed()
        task = asyncio.create_task(self._do(action))
        try:
            while not task.done():
                lane.wake.clear()
                waker = asyncio.create_task(lane.wake.wait())
                await asyncio.wait({task, waker}, return_when=asyncio.FIRST_COMPLETED)
                waker.cancel()
                if self._state.task(action.task) is None:
                    task.cancel()
                    await asyncio.wait({task})
                    await self._tidy()  # the worker may have stored something just before its end
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._state.doing.discard(action)
        self._conclude(action, task)

    def _conclude(self, action: Action, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            log.info("given up %s task=%s: it is no longer asked for", type(action).__name__.lower(), action.task)
            return
        error = task.exception()
        if error is None:
            self._state.failures.pop(action, None)
        elif isinstance(error, UpdateDamaged):
            log.error("%s", error)
        elif isinstance(error, TaskFailed):
            failure = self._state.note_failure(action, error)
            told = "for good" if failure.is_final else "for now"
            log.error("%s failed %s task=%s: %s", type(action).__name__.lower(), told, action.task, error)
        else:
            raise error
        self._changed()

    async def _do(self, action: Action) -> None:
        task = self._state.task(action.task)
        if task is None:
            return  # withdrawn meanwhile
        try:
            match action:
                case Fetch():
                    await self._downloader.fetch(action.sha256, action.size_bytes, self._teller.changed)
                case Train():
                    await self._train(task)
                case Upload():
                    await self._hand_over(task)
        except Fault as error:
            raise of_fault(error) from error
        except OSError as error:
            detail = f"the disk does not take or give files: {error.strerror or error}"
            raise TaskFailed(WorkReason.DISK_FULL, detail) from error

    async def _train(self, task: TrainingTask) -> None:
        """Train in a process of its own; its last deed is to store the update."""
        state = self._state
        require(task, self._available)
        state.shelf.require(sum(shard.size_bytes for shard in task.shards if shard.component in task.trained))
        for sha256 in {shard.artifact_sha256 for shard in task.shards}:
            await in_thread(lambda sha256=sha256: state.shelf.verify(sha256))  # type: ignore[misc]
        await in_thread(state.updates.sweep)
        question = protocol.Learn(
            task=task,
            attempt=await in_thread(lambda: state.updates.attempt(task.task)),
            files={shard.artifact_sha256: str(state.shelf.path(shard.artifact_sha256)) for shard in task.shards},
            node=self._node,
            data_dir=self._data_dir,
            folder=self._folder,
        )

        def on_step(done: int, total: int) -> None:
            state.steps[task.task] = (done, total)
            self._teller.changed()

        await self._runner.train(question, on_step)
        update = await in_thread(lambda: state.updates.find(task.task))
        log.info("trained task=%s ms=%d samples=%s", task.task, update.statement.trained_ms, update.statement.samples)

    async def _hand_over(self, task: TrainingTask) -> None:
        """Upload; where the server knows this attempt otherwise, as the next one."""
        for _ in range(ATTEMPTS_AT_ONCE):
            update = self._state.updates.of(task.task)
            if update is None:
                return
            try:
                await self._upload(update)
            except OtherAttempt as error:
                log.warning("attempt %d is not taken: %s", update.statement.attempt, error)
                await self._renew(update)
            else:
                self._state.delivered.add(task.task)
                self._state.confirmed.add(task.task)
                return
        raise TaskFailed(WorkReason.REFUSED, f"the server took none of {ATTEMPTS_AT_ONCE} attempts")

    async def _renew(self, update: Update) -> None:
        """Make an update the next attempt, if it is still what it was: it may be the server that is right."""
        self._state.updates.doubt(update)
        await self._verify(update)
        await in_thread(lambda: self._state.updates.renew(update))

    async def _upload(self, update: Update) -> None:
        name = update.statement.task

        def on_offset(offset: int) -> None:
            self._state.sent_bytes[name] = offset
            if offset < update.statement.size_bytes:
                self._state.delivered.discard(name)
            self._teller.changed()

        await self._verify(update)
        try:
            await self._uploader.upload(update, on_offset)
        except (OSError, UpdateDamaged):
            self._state.updates.doubt(update)
            await self._verify(update)
            raise

    async def _verify(self, update: Update) -> None:
        await in_thread(lambda: self._state.updates.verify(update, lambda: self._stopping))

    def _changed(self) -> None:
        self._teller.changed()
        for lane in self._lanes:
            lane.wake.set()


async def _nap(wake: asyncio.Event, wait_s: float) -> None:
    try:
        async with asyncio.timeout(None if math.isinf(wait_s) else wait_s):
            await wake.wait()
    except TimeoutError:
        return
