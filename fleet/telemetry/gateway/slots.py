"""How much of one kind may go on at once, and how much of it for one node."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from fleet.telemetry.gateway.refusals import busy


class Slots:
    """Counts what goes on, by node."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    def __len__(self) -> int:
        return self._taken.total()

    @contextlib.contextmanager
    def hold(self, node: int, *, most: int, per_node: int) -> Iterator[None]:
        """Hold one of `most` places, of which a node has at most `per_node`; Refusal where none is free."""
        if len(self) >= most or self._taken[node] >= per_node:
            raise busy("busy", "Too many transfers run at once; try again.")
        self._taken[node] += 1
        try:
            yield
        finally:
            self._taken[node] -= 1
            if not self._taken[node]:
                del self._taken[node]
