"""Hands an update over: announces it, then sends it in pieces from the offset that the server names.

What the server acknowledges is on its disk, so that a break anywhere costs a piece. The HTTP client
is imported with the first update.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from agent.artifacts.download import http_base
from agent.clock import ServerClock
from agent.handshake import Credentials
from agent.threads import in_thread
from agent.training.errors import OtherAttempt, TaskFailed, UpdateDamaged
from agent.training.updates import Update
from muster import __version__
from muster.canon.signatures import TRAINING_UPDATE, UPDATE_REQUEST, sign
from muster.wire.enrolment import b64encode
from muster.wire.work import MAX_PIECE_BYTES, WorkReason, update_request_part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

UPDATES_PATH = "/updates"
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0  # the server syncs a disk before it answers, and hashes the file after the last piece
FIRST_PIECE_BYTES = 64 * 1024  # it tells how fast the line is
SMALLEST_PIECE_BYTES = 16 * 1024
# A piece that took less than this doubles the next one; one that took four times as long halves it, so that
# on a slow line little is sent twice and on a fast one the disk's syncs do not rule.
BRISK_S = 1.0
CORRECTIONS = 8  # of the offset, in a row without a byte getting through: past this the server contradicts itself

_FINAL = (400, 413, 415, 422)  # the same request would get the same answer

log = logging.getLogger(__name__)


class Standing(msgspec.Struct, frozen=True):
    """What the server has of an update."""

    offset: Annotated[int, Meta(ge=0)]
    state: str


class Refusal(msgspec.Struct, frozen=True):
    """Why it does not take a request."""

    code: str = ""
    detail: str = ""
    offset: Annotated[int, Meta(ge=0)] | None = None


class Uploader:
    """Hands updates to one gateway."""

    def __init__(self, gateway_url: str, credentials: Credentials, clock: ServerClock) -> None:
        """Prepare; nothing is sent yet.

        Args:
            gateway_url: ws:// or wss:// address; updates go to its http:// or https:// twin.
        """
        self._base = http_base(gateway_url)
        self._credentials = credentials
        self._clock = clock
        self._piece_bytes = FIRST_PIECE_BYTES

    async def upload(self, update: Update, on_offset: Callable[[int], None]) -> None:
        """Hand an update over until every byte is acknowledged.

        Args:
            on_offset: told how many bytes the server has, whenever it says so.

        Raises:
            TaskFailed: UNREACHABLE where it broke off, REFUSED where the server does not want it.
            OtherAttempt: the server knows this attempt with another update, or got other bytes.
            UpdateDamaged, OSError: the file is not what it was.
        """
        import httpx

        try:
            async with self._client() as client:
                await self._hand_over(client, update, on_offset)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(str(error) or type(error).__name__) from error
        log.info("handed over task=%s bytes=%d", update.statement.task, update.statement.size_bytes)

    async def _hand_over(self, client: httpx.AsyncClient, update: Update, on_offset: Callable[[int], None]) -> None:
        size_bytes = update.statement.size_bytes
        standing = self._checked(await self._announce(client, update), size_bytes)
        best, corrections = -1, 0
        while standing.state != "complete":
            on_offset(standing.offset)
            corrections = 0 if standing.offset > best else corrections + 1
            best = max(best, standing.offset)
            if corrections > CORRECTIONS:
                raise _unreachable(f"the gateway stays at {standing.offset} of {size_bytes} bytes")
            standing = self._checked(await self._send_piece(client, update, standing.offset), size_bytes)
        on_offset(size_bytes)

    async def _announce(self, client: httpx.AsyncClient, update: Update) -> Standing:
        statement = update.statement
        signature = sign(self._credentials.key, TRAINING_UPDATE, statement.signed_part())
        document = {"statement": statement, "signature": b64encode(signature.value)}
        headers = self._headers("POST", UPDATES_PATH) | {"Content-Type": "application/json"}
        response = await client.post(self._base + UPDATES_PATH, content=msgspec.json.encode(document), headers=headers)
        return _standing(response)

    async def _send_piece(self, client: httpx.AsyncClient, update: Update, offset: int) -> Standing:
        """Send the next piece; at the end of the file an empty one, which lets the server finish."""
        import httpx

        data = await in_thread(lambda: _piece(update.path, offset, self._piece_bytes))
        if not data and offset < update.statement.size_bytes:
            raise UpdateDamaged(WorkReason.NONE, "the stored update is shorter than it was")
        path = f"{UPDATES_PATH}/{update.statement.task}/{update.statement.attempt}"
        headers = self._headers("PATCH", path) | {
            "Content-Type": "application/octet-stream",
            "Upload-Offset": str(offset),
        }
        began_s = time.monotonic()
        try:
            response = await client.patch(self._base + path, content=data, headers=headers)
        except httpx.HTTPError:
            self._pace(4 * BRISK_S)
            raise
        self._pace(time.monotonic() - began_s)
        return _standing(response)

    def _pace(self, took_s: float) -> None:
        if took_s < BRISK_S:
            self._piece_bytes = min(MAX_PIECE_BYTES, 2 * self._piece_bytes)
        elif took_s >= 4 * BRISK_S:
            self._piece_bytes = max(SMALLEST_PIECE_BYTES, self._piece_bytes // 2)

    @staticmethod
    def _checked(standing: Standing, size_bytes: int) -> Standing:
        """Raise unless a standing can be one of this update."""
        if standing.state == "refused":
            raise OtherAttempt(WorkReason.REFUSED, "the update came to the server with other bytes")
        if standing.state not in ("open", "complete") or standing.offset > size_bytes:
            raise _unreachable(f"the gateway says {standing.state[:20]} at {standing.offset} of {size_bytes} bytes")
        if standing.state == "complete" and standing.offset != size_bytes:
            raise _unreachable(f"the gateway calls {standing.offset} of {size_bytes} bytes complete")
        return standing

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        import httpx

        timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        trusted: Any = ssl.create_default_context() if self._base.startswith("https") else False
        # No proxy from the environment and no redirects, as the socket is dialled.
        async with httpx.AsyncClient(timeout=timeout, trust_env=False, verify=trusted) as client:
            yield client

    def _headers(self, method: str, path: str) -> dict[str, str]:
        at_us, node = self._clock.now_us(), self._credentials.node
        signature = sign(self._credentials.key, UPDATE_REQUEST, update_request_part(node, method, path, at_us))
        return {
            "User-Agent": f"muster-agent/{__version__}",
            "Muster-Node": node,
            "Muster-At": str(at_us),
            "Muster-Signature": b64encode(signature.value),
        }


def _standing(response: httpx.Response) -> Standing:
    """Return what the server has, also where it says so in a refusal."""
    try:
        if response.status_code in (200, 201):
            return msgspec.json.decode(response.content, type=Standing)
        refusal = msgspec.json.decode(response.content, type=Refusal)
    except msgspec.DecodeError:
        refusal = Refusal()
    if refusal.code == "wrong_offset" and refusal.offset is not None:
        return Standing(refusal.offset, "open")
    said = f"the gateway answers {response.status_code}: {refusal.detail or refusal.code or 'nothing that makes sense'}"
    if refusal.code in ("other_statement", "wrong_hash"):
        raise OtherAttempt(WorkReason.REFUSED, said)
    if refusal.code == "no_such_task" or response.status_code in _FINAL:
        raise TaskFailed(WorkReason.REFUSED, said)
    raise _unreachable(said)


def _unreachable(why: str) -> TaskFailed:
    return TaskFailed(WorkReason.UNREACHABLE, f"the update is not handed over: {why}")


def _piece(path: Path, offset: int, most_bytes: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, most_bytes, offset)
    finally:
        os.close(descriptor)
