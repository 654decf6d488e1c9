"""Reads blobs in threads of their own, so that a slow disk stops no socket."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fleet.registry.services.blobs import BlobStore
from fleet.telemetry.gateway import limits

Result = TypeVar("Result")


@dataclass(frozen=True)
class Blob:
    """An open blob. Its file stays readable when its name is given to a mended copy meanwhile."""

    descriptor: int
    size: int

    def close(self) -> None:
        os.close(self.descriptor)


class BlobReader:
    """Opens and reads; nothing here runs in the event loop."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(limits.BLOB_THREADS, thread_name_prefix="blobs")

    async def open(self, sha256: str) -> Blob | None:
        """Open a blob; None where there is none of that name."""
        return await self._run(partial(_open, self._store, sha256))

    async def read(self, blob: Blob, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`; none at all behind the end."""
        return await self._run(partial(os.pread, blob.descriptor, count, offset))

    def close(self) -> None:
        """Let the threads go; what they read now is finished first."""
        self._threads.shutdown()

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _open(store: BlobStore, sha256: str) -> Blob | None:
    try:
        descriptor = os.open(store.path(sha256), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    return Blob(descriptor, os.fstat(descriptor).st_size)
