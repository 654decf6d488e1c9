"""Brings what this device runs to what it shall run: looks, does the most urgent thing, looks again."""

import asyncio
import logging
from collections import deque
from dataclasses import replace

from agent.artifacts.download import Downloader
from agent.artifacts.shelf import failure as disk_failure
from agent.faults import Damaged, DocumentRefused, Fault, LoadFailed
from agent.memory import Available
from agent.serving import protocol
from agent.serving.decide import Action, Fetch, Load
from agent.serving.memory import require
from agent.serving.reports import Reporter
from agent.serving.runner import Runner
from agent.serving.state import NOTICE_S, Failure, State, Timing
from agent.serving.verification import Verification
from agent.threads import in_thread
from muster.wire.messages import Target
from muster.wire.targets import NodeTarget, Reason, ReportState

DEATHS_REMEMBERED_S = 300.0  # ends of the worker within it count as in a row
LOOK_AGAIN_S = 30.0  # level-triggered: also without any news

_NOT_INSTALLED = (Reason.RUNTIME_MISSING, Reason.WORKLOAD_MISSING, Reason.WORKLOAD_VERSION)

log = logging.getLogger(__name__)


class Reconciler:
    """The loop; it alone changes what serves."""

    def __init__(
        self,
        state: State,
        runner: Runner,
        downloader: Downloader,
        verification: Verification,
        reporter: Reporter,
        *,
        node: str,
        data_dir: str | None,
        timing: Timing,
        available: Available,
    ) -> None:
        self._state = state
        self._runner = runner
        self._downloader = downloader
        self._verification = verification
        self._reporter = reporter
        self._node = node
        self._data_dir = data_dir
        self._timing = timing
        self._available = available
        self._wake = asyncio.Event()
        self._offered: tuple[Target, NodeTarget] | None = None
        self._accept_failure: Failure | None = None
        self._deaths: deque[float] = deque(maxlen=16)

    def offer(self, message: Target) -> None:
        """Take a target that came; one that is refused is reported and leaves everything as it is."""
        try:
            target = self._state.targets.check(message)
        except DocumentRefused as error:
            log.error("target refused reason=%s: %s", error.reason, error)  # noqa: TRY400
            self._state.notice = Failure(error.reason, error.detail, noted_at=self._state.now())
            self._reporter.changed()
            return
        if target is not None and (self._offered is None or target.generation > self._offered[1].generation):
            self._offered, self._accept_failure = (message, target), None
            self._wake.set()

    def connected(self) -> None:
        """Try at once what could not be fetched: the way to the gateway is free again."""
        for action, failure in self._state.failures.items():
            if failure.reason == Reason.UNREACHABLE:
                self._state.failures[action] = replace(failure, retry_at=0.0)
        self._wake.set()

    def wake(self) -> None:
        """Say that something is not what it should be."""
        self._reporter.changed()
        self._wake.set()

    def worker_died(self, detail: str) -> None:
        """Note that nothing serves any more; it is loaded again, later each time that this happens."""
        state = self._state
        lost, now = state.live, state.now()
        state.live, state.running, state.broken = None, {}, {}
        self._deaths.append(now)
        if lost is not None:
            count = sum(1 for at in self._deaths if now - at < DEATHS_REMEMBERED_S)
            retry_at = now + self._timing.retry_after_s(count)
            state.failures[Load(lost.generation)] = Failure(Reason.WORKER_DIED, detail, count, retry_at, now)
        self.wake()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            self._wake.clear()
            self._forget()
            await self._accept()
            action, wait_s = self._choose()
            self._reporter.changed()
            if action is not None:
                await self._perform(action)
            elif not self._wake.is_set():
                await self._nap(wait_s)

    def _choose(self) -> tuple[Action | None, float]:
        """Return the most urgent action that is not to wait, or the seconds until one is due."""
        now, wait_s = self._state.now(), LOOK_AGAIN_S
        for action in self._state.candidates():
            failure = self._state.failures.get(action)
            if failure is None or failure.retry_at <= now:
                return action, 0.0
            wait_s = min(wait_s, failure.retry_at - now)
        return None, wait_s

    async def _nap(self, wait_s: float) -> None:
        if self._accept_failure is not None:
            wait_s = min(wait_s, max(0.0, self._accept_failure.retry_at - self._state.now()))
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _forget(self) -> None:
        """Drop what no longer matters: failures of actions that nobody wants, and an old notice."""
        state, wanted = self._state, set(self._state.candidates())
        state.failures = {action: failure for action, failure in state.failures.items() if action in wanted}
        state.corrupt = {sha256: found for sha256, found in state.corrupt.items() if sha256 in state.needed()}
        if state.notice is not None and state.now() - state.notice.noted_at > NOTICE_S:
            state.notice = None

    async def _accept(self) -> None:
        """Make the offered target the accepted one, once it is on disk."""
        offered, failure = self._offered, self._accept_failure
        if offered is None or (failure is not None and failure.retry_at > self._state.now()):
            return
        try:
            await in_thread(lambda: self._state.targets.accept(*offered))
        except Fault as error:
            self._accept_failure = self._failure(error, failure)
            self._state.notice = self._accept_failure
            return
        if self._offered is offered:
            self._offered = None
        self._accept_failure = self._state.notice = None
        log.info("target accepted generation=%s shards=%d", offered[1].generation, len(offered[1].shards))
        await self._prune()

    async def _perform(self, action: Action) -> None:
        """Do one thing; a download gives way to whatever is more urgent and is resumed later."""
        self._state.doing = action
        task = asyncio.create_task(self._do(action))
        try:
            while not task.done():
                self._wake.clear()
                waker = asyncio.create_task(self._wake.wait())
                await asyncio.wait({task, waker}, return_when=asyncio.FIRST_COMPLETED)
                waker.cancel()
                if not task.done() and isinstance(action, Fetch) and self._gives_way(action):
                    task.cancel()
                    await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._state.doing = self._state.step = None
        self._conclude(action, task)

    def _gives_way(self, action: Fetch) -> bool:
        chosen, _ = self._choose()
        is_next_file = isinstance(chosen, Fetch) and chosen.generation == action.generation
        return self._offered is not None or (chosen is not None and not is_next_file)

    def _conclude(self, action: Action, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._state.failures.pop(action, None)
        elif isinstance(error, Fault):
            log.error("%s failed reason=%s: %s", type(action).__name__.lower(), error.reason, error)
            self._state.failures[action] = self._failure(error, self._state.failures.get(action))
        else:
            raise error

    def _failure(self, error: Fault, before: Failure | None) -> Failure:
        count, now = before.count + 1 if before else 1, self._state.now()
        return Failure(error.reason, error.detail, count, now + self._timing.retry_after_s(count), now)

    async def _do(self, action: Action) -> None:
        try:
            await self._act(action)
        except OSError as error:
            raise disk_failure(error) from error

    async def _act(self, action: Action) -> None:
        if isinstance(action, Fetch):
            await self._fetch(action)
            return
        target = self._state.target(action.generation)
        if target is None:
            return  # superseded meanwhile
        if isinstance(action, Load):
            await self._load_or_restart(target)
        else:
            await self._rest(target)

    async def _fetch(self, action: Fetch) -> None:
        state = self._state
        if state.live and action.sha256 in {shard.artifact_sha256 for shard in state.live.shards}:
            state.note_corrupt(
                action.sha256, f"the stored artifact {action.sha256[:12]} is missing; it is fetched again"
            )
        self._reporter.changed()

        def on_progress() -> None:
            self._reporter.changed()
            self._reporter.progressed()

        await self._downloader.fetch(action.sha256, action.size_bytes, on_progress)
        state.corrupt.pop(action.sha256, None)

    async def _load_or_restart(self, target: NodeTarget) -> None:
        """Load; where something is not installed, let a fresh worker look the next time."""
        try:
            await self._load(target)
        except LoadFailed as error:
            if error.reason in _NOT_INSTALLED and self._state.live is None:
                await self._runner.stop()
            raise

    async def _load(self, target: NodeTarget) -> None:
        """Stage, probe and switch; what serves goes on until the last of them."""
        state = self._state
        loaded = {shard.artifact_sha256 for shard in state.live.shards} if state.live and not state.broken else set()
        require(target, loaded, runtime_loaded=self._runner.pid is not None, available=self._available)
        if not await self._files_hold(target):
            return
        files = {shard.artifact_sha256: str(state.shelf.path(shard.artifact_sha256)) for shard in target.shards}
        size_bytes = sum(shard.size_bytes for shard in target.shards)
        question = protocol.Stage(models=target.models, files=files, node=self._node, data_dir=self._data_dir)
        staged = await self._runner.ask(question, protocol.Staged, size_bytes)
        if self._offered is not None and state.live is not None:
            return  # superseded, and something serves: the newer target shares what it can
        self._step(ReportState.STAGED)
        await self._runner.ask(protocol.Probe(), protocol.Done)
        self._step(ReportState.PROBED)
        await self._runner.ask(protocol.Switch(), protocol.Done)
        state.live, state.running, state.broken, state.notes = target, {}, {}, staged.notes
        await self._verification.hash_live(target)
        log.info("serving generation=%s shards=%d", target.generation, len(target.shards))
        await self._keep_served(target)

    async def _files_hold(self, target: NodeTarget) -> bool:
        """Return whether every file has the right bytes; one that has not is gone and fetched again."""
        for sha256 in {shard.artifact_sha256 for shard in target.shards}:
            try:
                await in_thread(lambda sha256=sha256: self._state.shelf.verify(sha256))  # type: ignore[misc]
            except Damaged as error:
                log.error("%s", error)  # noqa: TRY400 - a finding, not a fault of this program
                self._state.note_corrupt(sha256, error.detail)
                return False
        return True

    async def _rest(self, target: NodeTarget) -> None:
        state = self._state
        state.live, state.running, state.broken, state.notes = target, {}, {}, []
        await self._runner.stop()
        await self._keep_served(target)

    async def _keep_served(self, target: NodeTarget) -> None:
        await in_thread(lambda: self._state.targets.note_served(target))
        await self._prune()

    async def _prune(self) -> None:
        try:
            gone = await in_thread(self._state.shelf.prune)
        except OSError as error:
            log.warning("artifacts that nobody needs cannot be removed: %s", error)
        else:
            if gone:
                log.info("removed artifacts=%d", gone)

    def _step(self, step: ReportState) -> None:
        self._state.step = step
        self._reporter.changed()
