"""Everything that serves, wired together: what the running agent and its connection see of it."""

import asyncio

from agent.artifacts.download import Downloader
from agent.clock import ServerClock
from agent.device import Device
from agent.memory import Available, available_bytes
from agent.serving.reconciler import Reconciler
from agent.serving.reports import Reporter
from agent.serving.requests import Requests, Tally
from agent.serving.runner import Runner
from agent.serving.state import State, Timing
from agent.serving.targets import Targets
from agent.serving.verification import Verification
from agent.status import Serving as ServingStatus
from agent.status import ServingShard
from muster.wire.messages import HeldShard, Inference, Report, Target
from muster.wire.targets import PlacedModel, Shard, ShardState


class Serving:
    """Keeps what this device runs at what it shall run."""

    takes = Target

    def __init__(
        self,
        device: Device,
        clock: ServerClock,
        downloader: Downloader,
        *,
        timing: Timing = Timing(),  # noqa: B008 - frozen
        available: Available = available_bytes,
        worker: tuple[str, ...] | None = None,
    ) -> None:
        """Prepare; the targets on disk are read, nothing is started.

        Args:
            downloader: brings artifacts to their shelf.
            available: tells how much memory is free.
            worker: the command of the worker.
        """
        credentials = device.credentials
        targets = Targets(device.home, credentials.node, credentials.server_key)
        targets.load()
        self._shelf = downloader.shelf
        self._state = State(targets, self._shelf)
        self._shelf.claim(self._state.needed)
        self._tally = Tally()
        self._reporter = Reporter(self._state, credentials, device.boot, clock)
        self._runner = Runner(self._worker_died, worker)
        self._requests = Requests(self._state, self._runner, self._tally)
        self._verification = Verification(self._state, self._runner, clock, timing, self._found)
        self._reconciler = Reconciler(
            self._state,
            self._runner,
            downloader,
            self._verification,
            self._reporter,
            node=credentials.node,
            data_dir=device.data_dir,
            timing=timing,
            available=available,
        )

    async def run(self) -> None:
        """Serve until cancelled; the worker ends with it."""
        work = (self._reconciler.run, self._verification.run, self._requests.run)
        tasks = [asyncio.create_task(part()) for part in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            self._shelf.stop()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._runner.stop()

    def offer(self, message: Target) -> None:
        """Take a target that came over the connection."""
        self._reconciler.offer(message)

    def connected(self) -> None:
        """Say that a gateway welcomed this device and takes reports."""
        self._reporter.connected()
        self._reconciler.connected()

    def disconnected(self) -> None:
        """Say that it does not any more."""
        self._reporter.disconnected()

    async def next_report(self) -> Report:
        """Return the next report once it is due."""
        return await self._reporter.next()

    def take_inferences(self, at_us: int) -> list[Inference]:
        """Return what was answered since the last call."""
        return self._tally.take(at_us)

    def status(self) -> ServingStatus:
        """Return how it stands, for the person at the device."""
        state = self._state
        failure = state.failure() or state.notice
        held = {shard.key: shard for shard in state.shards()}
        known: dict[int, tuple[PlacedModel, Shard]] = {}
        for target in (state.live, state.wanted):
            for model in target.models if target else []:
                known |= {shard.key: (model, shard) for shard in model.shards}
        return ServingStatus(
            generation=state.wanted.generation if state.wanted else None,
            serving=state.live.generation if state.live and state.live.shards else None,
            state=state.word(),
            reason=failure.reason if failure else "",
            detail=failure.detail if failure else "; ".join(state.notes),
            worker_pid=self._runner.pid,
            shards=[self._shard(model, shard, held.get(shard.key)) for model, shard in known.values()],
        )

    def _shard(self, model: PlacedModel, shard: Shard, held: HeldShard | None) -> ServingShard:
        last = self._tally.last.get(shard.key)
        return ServingShard(
            key=shard.key,
            model=model.model,
            version=model.version,
            component=shard.component,
            variant=shard.variant,
            state=held.state if held else ShardState.SERVING,
            have_bytes=held.have_bytes if held else shard.size_bytes,
            size_bytes=shard.size_bytes,
            requests=last.requests if last else None,
            errors=last.errors if last else None,
            mean_us=last.total_us // max(1, last.requests) if last else None,
            most_us=last.most_us if last else None,
            local=last.local if last else None,
        )

    def _worker_died(self, detail: str) -> None:
        self._reconciler.worker_died(detail)

    def _found(self) -> None:
        self._reconciler.wake()
