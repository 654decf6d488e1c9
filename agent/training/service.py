"""Everything that trains, wired together: what the running agent and its connection see of it."""

from agent.artifacts.download import Downloader
from agent.clock import ServerClock
from agent.device import Device
from agent.memory import Available, available_bytes
from agent.status import Training as TrainingStatus
from agent.status import TrainingTask as TaskStatus
from agent.training.reconciler import Reconciler
from agent.training.runner import Runner
from agent.training.state import Patience, State
from agent.training.teller import Teller
from agent.training.updates import Updates
from agent.training.upload import Uploader
from agent.training.works import Works
from muster.wire.messages import Progress, Work
from muster.wire.work import TrainingTask as WireTask


class Training:
    """Keeps what this device has learned at what it shall learn."""

    takes = Work

    def __init__(
        self,
        device: Device,
        clock: ServerClock,
        downloader: Downloader,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        available: Available = available_bytes,
        worker: tuple[str, ...] | None = None,
    ) -> None:
        """Prepare; the work and the updates on disk are read, nothing is started.

        Args:
            downloader: brings artifacts to their shelf.
            available: tells how much memory is free.
            worker: the command of the worker.

        Raises:
            HomeUnusable: the folder of updates cannot be made or read.
        """
        credentials = device.credentials
        works = Works(device.home, credentials.node, credentials.server_key)
        works.load()
        updates = Updates(device.home.updates)
        try:
            updates.load()
        except OSError as error:
            raise device.home.unusable(error) from error
        self._state = State(works, updates, downloader.shelf, patience)
        downloader.shelf.claim(self._state.needed)
        self._teller = Teller(self._state)
        self._runner = Runner(worker)
        self._reconciler = Reconciler(
            self._state,
            self._runner,
            downloader,
            Uploader(device.gateway_url, credentials, clock),
            self._teller,
            node=credentials.node,
            data_dir=device.data_dir,
            folder=str(device.home.updates),
            available=available,
        )

    async def run(self) -> None:
        """Train until cancelled; the worker ends with it."""
        await self._reconciler.run()

    def offer(self, message: Work) -> None:
        """Take work that came over the connection."""
        self._reconciler.offer(message)

    def connected(self) -> None:
        """Say that a gateway welcomed this device and takes progress."""
        self._teller.connected()
        self._reconciler.connected()

    def disconnected(self) -> None:
        """Say that it does not any more; how things are is told whole after the next Welcome."""

    async def next_report(self) -> Progress:
        """Return the next word of progress once it is due."""
        return await self._teller.next()

    def status(self) -> TrainingStatus:
        """Return how it stands, for the person at the device."""
        work = self._state.works.accepted
        return TrainingStatus(
            counter=work.counter if work else None,
            worker_pid=self._runner.pid,
            tasks=[self._task(task) for task in self._state.tasks],
        )

    def _task(self, task: WireTask) -> TaskStatus:
        progress = self._state.progress(task)
        return TaskStatus(
            task=task.task,
            model=task.model,
            round_number=task.round_number,
            trained=task.trained,
            state=progress.state,
            reason=progress.reason,
            detail=progress.detail,
            done=progress.done,
            total=progress.total,
        )
