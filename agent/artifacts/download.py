"""Fetches one artifact from the gateway, from where the last attempt broke off.

What comes is trusted only once its hash holds, so the way may be plain HTTP and the answer
may lie. The HTTP client is imported with the first download: an agent that has all it
needs carries none.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from agent.artifacts.shelf import PartFile, Shelf
from agent.clock import ServerClock
from agent.faults import Damaged, FetchFailed
from agent.handshake import Credentials
from agent.threads import in_thread
from muster import __version__
from muster.canon.signatures import ARTIFACT_REQUEST, sign
from muster.wire.enrolment import b64encode
from muster.wire.targets import Reason, artifact_request_part

if TYPE_CHECKING:
    import httpx

ARTIFACT_PATH = "/artifacts/"
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0  # between two pieces; a gateway that reads a cold disk takes a second or two
BLOCK_BYTES = 256 * 1024  # written at once: large enough to leave the loop alone, small enough to show progress
BLOCK_S = 0.2  # on a slow line less is written at once, so that a power cut costs little

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

log = logging.getLogger(__name__)


def http_base(gateway_url: str) -> str:
    """Return the http:// or https:// twin of a gateway's ws:// or wss:// address, without a slash at its end."""
    return "http" + gateway_url.rstrip("/").removeprefix("ws")


class Downloader:
    """Brings artifacts to the shelf."""

    def __init__(self, gateway_url: str, credentials: Credentials, clock: ServerClock, shelf: Shelf) -> None:
        """Prepare; nothing is fetched yet.

        Args:
            gateway_url: ws:// or wss:// address; artifacts are at its http:// or https:// twin.
        """
        self._base = http_base(gateway_url)
        self._credentials = credentials
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.shelf = shelf

    async def fetch(self, sha256: str, size_bytes: int, on_progress: Callable[[], None]) -> None:
        """Bring one artifact to the shelf, verified; who asks for one that is being fetched waits for that.

        Args:
            on_progress: called whenever more bytes are on the shelf.

        Raises:
            FetchFailed: it broke off; what came is kept.
            Damaged: it came with other bytes or in another size; nothing is kept.
            ShelfFailed: the disk does not take it.
        """
        turn = self._turns.setdefault(sha256, asyncio.Lock())
        async with turn:
            if not self.shelf.holds(sha256, size_bytes):
                await self._fetch(sha256, size_bytes, on_progress)

    async def _fetch(self, sha256: str, size_bytes: int, on_progress: Callable[[], None]) -> None:
        part = self.shelf.open_part(sha256, size_bytes)  # not in a thread: being cancelled there would leave it open
        try:
            if part.size_bytes < size_bytes or size_bytes == 0:
                await self._fill(sha256, size_bytes, part, on_progress)
            await in_thread(lambda: self.shelf.finish(sha256, part))
        finally:
            part.close()
        log.info("fetched artifact=%s bytes=%d", sha256[:12], size_bytes)

    async def _fill(self, sha256: str, size_bytes: int, part: PartFile, on_progress: Callable[[], None]) -> None:
        import httpx

        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        trusted = ssl.create_default_context() if self._base.startswith("https") else False  # as the socket does
        # No proxy from the environment and no redirects: the gateway's socket is dialled without them too.
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, trust_env=False, verify=trusted) as client,
                client.stream("GET", self._url(sha256), headers=self._headers(sha256, part.size_bytes)) as response,
            ):
                self._begin(response, size_bytes, part)
                async for block in _blocks(response):
                    if part.size_bytes + len(block) > size_bytes:
                        await in_thread(lambda: self.shelf.discard(sha256))
                        raise Damaged(Reason.DOWNLOAD_CORRUPT, f"the artifact {sha256[:12]} is longer than announced")
                    await in_thread(lambda block=block: part.append(block))  # type: ignore[misc]
                    on_progress()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failed(sha256, str(error) or type(error).__name__) from error
        if part.size_bytes < size_bytes:
            raise self._failed(sha256, f"it ended after {part.size_bytes} of {size_bytes} bytes")

    def _begin(self, response: httpx.Response, size_bytes: int, part: PartFile) -> None:
        """Make the part end where the answer begins.

        Raises:
            FetchFailed: the answer is no part of this artifact.
        """
        if response.status_code == 200:
            part.truncate()  # the server does not know ranges
            return
        if response.status_code == 206:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match and int(match[1]) == part.size_bytes and int(match[3]) == size_bytes:
                return
            part.truncate()
            raise FetchFailed(Reason.UNREACHABLE, "the gateway answered with another range than asked; begun anew")
        if response.status_code == 416:
            part.truncate()
        raise FetchFailed(Reason.UNREACHABLE, f"the gateway answers {response.status_code} for an artifact")

    def _url(self, sha256: str) -> str:
        return f"{self._base}{ARTIFACT_PATH}{sha256}"

    def _headers(self, sha256: str, have_bytes: int) -> dict[str, str]:
        at_us = self._clock.now_us()
        node = self._credentials.node
        signature = sign(self._credentials.key, ARTIFACT_REQUEST, artifact_request_part(node, sha256, at_us))
        return {
            "Range": f"bytes={have_bytes}-",
            "Accept-Encoding": "identity",
            "User-Agent": f"muster-agent/{__version__}",
            "Muster-Node": node,
            "Muster-At": str(at_us),
            "Muster-Signature": b64encode(signature.value),
        }

    @staticmethod
    def _failed(sha256: str, why: str) -> FetchFailed:
        return FetchFailed(Reason.UNREACHABLE, f"the artifact {sha256[:12]} did not come: {why}")


async def _blocks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return the body as it travels, in pieces worth a write; what came before a break is given too."""
    import httpx

    pieces: list[bytes] = []
    size, written_s = 0, time.monotonic()
    broken: httpx.HTTPError | None = None
    try:
        async for piece in response.aiter_raw():
            pieces.append(piece)
            size += len(piece)
            if size >= BLOCK_BYTES or time.monotonic() - written_s > BLOCK_S:
                yield b"".join(pieces)
                pieces, size, written_s = [], 0, time.monotonic()
    except httpx.HTTPError as error:
        broken = error
    if pieces:
        yield b"".join(pieces)
    if broken:
        raise broken
