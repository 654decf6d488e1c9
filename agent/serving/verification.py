"""Looks again and again whether live tensors and files are what they should be.

Each look costs time on a processor, so that large models are looked at less often: neither of
the two takes more than `Timing.share` of one core, 2 % by default.
"""

import asyncio
import logging
from collections.abc import Callable

from agent.artifacts.shelf import Interrupted
from agent.clock import ServerClock
from agent.faults import Damaged, Fault, LoadFailed
from agent.serving import protocol
from agent.serving.runner import Runner
from agent.serving.state import State, Timing
from agent.threads import in_thread
from muster.wire.messages import RunningShard
from muster.wire.targets import NodeTarget, Shard

log = logging.getLogger(__name__)


class Verification:
    """Two loops; what they find is written into the state."""

    def __init__(
        self, state: State, runner: Runner, clock: ServerClock, timing: Timing, on_finding: Callable[[], None]
    ) -> None:
        """Prepare.

        Args:
            on_finding: called when something is not what it should be.
        """
        self._state = state
        self._runner = runner
        self._clock = clock
        self._timing = timing
        self._on_finding = on_finding

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_live())
            tasks.create_task(self._watch_files())

    async def hash_live(self, target: NodeTarget) -> float:
        """Hash the live tensors of a target, note what is found, and return the processor seconds.

        Raises:
            LoadFailed: the worker is gone, or serves something else.
        """
        cpu_s = 0.0
        for shard in target.shards:
            answer = await self._runner.ask(protocol.Hash(key=shard.key), protocol.Hashed, shard.size_bytes)
            if self._state.live is not target:
                break
            cpu_s += answer.cpu_s
            self._note(target, shard, answer.weights_sha256)
        return cpu_s

    async def _watch_live(self) -> None:
        cpu_s = 0.0
        while True:
            await asyncio.sleep(max(self._timing.live_s, cpu_s / self._timing.share))
            live = self._state.live
            if live is None:
                continue
            try:
                cpu_s = await self.hash_live(live)
            except LoadFailed as error:  # the reconciler hears of a worker that ended
                if self._state.live is live:  # and others serve by now where it switched meanwhile
                    log.warning("live tensors were not looked at: %s", error)

    async def _watch_files(self) -> None:
        while True:
            cpu_s = 0.0
            for sha256, size_bytes in self._files().items():
                if self._state.shelf.path(sha256).exists():
                    cpu_s += await self._look_at(sha256, size_bytes)
            await asyncio.sleep(max(self._timing.files_s, cpu_s / self._timing.share))

    async def _look_at(self, sha256: str, size_bytes: int) -> float:
        try:
            return await in_thread(lambda: self._state.shelf.verify(sha256))
        except Damaged as error:
            log.error("%s", error)  # noqa: TRY400 - a finding, not a fault of this program
            self._state.note_corrupt(sha256, error.detail)
            self._on_finding()
        except Fault as error:
            log.warning("a damaged file stays: %s", error)
        except Interrupted:
            log.info("stopped while a file was looked at")
        return 0.0

    def _files(self) -> dict[str, int]:
        known = (self._state.wanted, self._state.live)
        return {shard.artifact_sha256: shard.size_bytes for target in known if target for shard in target.shards}

    def _note(self, target: NodeTarget, shard: Shard, found: str) -> None:
        self._state.running[shard.key] = RunningShard(shard.key, found, self._clock.now_us())
        if found == shard.weights_sha256:
            self._state.broken.pop(shard.key, None)
            return
        detail = f"the live tensors of {shard.component} hash to {found[:12]}, not to {shard.weights_sha256[:12]}"
        if shard.key not in self._state.broken:
            log.error("%s", detail)
        self._state.note_broken(shard.key, detail)
        self._on_finding()
