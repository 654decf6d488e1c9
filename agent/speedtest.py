"""A short test of the device, so that the planner has a first idea of it."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from muster.wire.enrolment import SpeedTest

# Three parts of 0.2 s and the sizes below stay under a second on a device
# that hashes 50 MB/s and writes 20 MB/s.
PART_S = 0.2
HASH_BYTES = 1 << 20
MEMORY_BYTES = 16 << 20  # more than the caches of small devices
DISK_BYTES = 4 << 20

Timer = Callable[[], float]


def measure(folder: Path, timer: Timer = time.perf_counter) -> SpeedTest:
    """Run the test; `folder` is where the disk is written.

    Raises:
        OSError: the folder cannot be written.
    """
    return SpeedTest(
        hash_bytes_per_s=_hash(timer),
        memory_bytes_per_s=_memory(timer),
        disk_bytes_per_s=_disk(folder, timer),
    )


def _hash(timer: Timer) -> int:
    block = bytes(HASH_BYTES)
    return _rate(lambda: hashlib.sha256(block).digest(), HASH_BYTES, timer)


def _memory(timer: Timer) -> int:
    source, target = bytearray(MEMORY_BYTES), bytearray(MEMORY_BYTES)

    def copy() -> None:
        target[:] = source

    return _rate(copy, MEMORY_BYTES, timer)


def _disk(folder: Path, timer: Timer) -> int:
    block = os.urandom(DISK_BYTES)  # nothing that a file system could compress away
    path = folder / ".speedtest"
    try:
        with path.open("wb", buffering=0) as file:

            def write() -> None:
                file.seek(0)
                file.write(block)
                os.fsync(file.fileno())

            return _rate(write, DISK_BYTES, timer)
    finally:
        path.unlink(missing_ok=True)


def _rate(work: Callable[[], object], size_bytes: int, timer: Timer) -> int:
    """Return bytes a second of `work`, repeated for a part of the test and at least once."""
    started = timer()
    rounds = 0
    while rounds == 0 or timer() - started < PART_S:
        work()
        rounds += 1
    return int(size_bytes * rounds / max(timer() - started, 1e-9))
