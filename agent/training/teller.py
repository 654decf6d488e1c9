"""Words of progress: at each change, at most two a second, whole each time, and after each Welcome."""

import asyncio

from agent.training.state import State
from muster.wire.messages import Progress

INTERVAL_S = 0.5


class Teller:
    """Turns the state into messages."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wake = asyncio.Event()
        self._told: Progress | None = None
        self._due_at = 0.0

    def connected(self) -> None:
        """Say that a gateway listens, which may know nothing yet."""
        self._told = None
        self._wake.set()

    def changed(self) -> None:
        """Say that something may be otherwise."""
        self._wake.set()

    async def next(self) -> Progress:
        """Return how things are, once they are otherwise than was told and it is time."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(0.0, self._due_at - self._state.now()))
            self._wake.clear()
            work = self._state.works.accepted
            if work is None:
                continue
            progress = Progress(work.counter, [self._state.progress(task) for task in work.tasks])
            if progress != self._told:
                self._told = progress
                self._due_at = self._state.now() + INTERVAL_S
                return progress
