"""What the terminal shows: one calm line for each step, and each child that ended."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

LABEL_WIDTH = 11


class Console:
    """Writes lines, whole and at once.

    Args:
        stream: where to; standard output when None.
        clock: seconds that only grow.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock

    def line(self, text: str = "") -> None:
        """Write one line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def row(self, label: str, text: str) -> None:
        """Write one row of the table."""
        self.line(f"  {label:<{LABEL_WIDTH}}{text}")

    @contextmanager
    def step(self, label: str, text: str) -> Iterator[None]:
        """Write a row with the seconds that the block took, once it is done."""
        began = self._clock()
        yield
        self.row(label, f"{text:<52}{self._clock() - began:5.1f} s")
