"""Artifacts over HTTP: `GET` and `HEAD /artifacts/<sha256>` for the nodes whose target or work names them.

A device proves who it is as `gate` says, over `artifact_request_part`. It may ask for the rest of what
it has begun by one `Range`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.answers import Receive, Scope, Send, respond
from fleet.telemetry.gateway.blob_reader import Blob, BlobReader
from fleet.telemetry.gateway.byte_range import Span, Unsatisfiable, wanted
from fleet.telemetry.gateway.gate import Gate
from fleet.telemetry.gateway.refusals import Refusal, forbidden, unknown
from fleet.telemetry.gateway.slots import Slots
from muster.canon.signatures import ARTIFACT_REQUEST
from muster.wire.targets import artifact_request_part

log = structlog.get_logger(__name__)

PREFIX = "/artifacts/"
NAME = re.compile(r"[0-9a-f]{64}\Z")


class Artifacts:
    """Serves blobs to nodes, a bounded number at a time."""

    def __init__(self, gate: Gate, reader: BlobReader) -> None:
        self.bytes_sent = 0
        self._gate = gate
        self._reader = reader
        self._slots = Slots()

    def __len__(self) -> int:
        """Return how many transfers run."""
        return len(self._slots)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._serve(scope, receive, send)
        except Refusal as refusal:
            await respond(send, refusal.status, refusal.body, *refusal.headers)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refusal(405, "method_not_allowed", "Artifacts are only read.", (b"allow", b"GET, HEAD"))
        sha256 = scope["path"].removeprefix(PREFIX)
        if not NAME.match(sha256):  # a name that no artifact can have is not looked for
            raise _unknown()
        caller = await self._gate.admit(
            scope, ARTIFACT_REQUEST, lambda node, at: artifact_request_part(node, sha256, at), artifact=sha256
        )
        if not caller.may_fetch:
            raise forbidden()
        with self._slots.hold(caller.node, most=limits.MAX_TRANSFERS, per_node=limits.MAX_TRANSFERS_PER_NODE):
            async with self._open(sha256) as blob:
                await self._answer(scope, receive, send, sha256, blob)

    @contextlib.asynccontextmanager
    async def _open(self, sha256: str) -> AsyncIterator[Blob]:
        blob = await self._reader.open(sha256)
        if blob is None:
            raise _unknown()
        try:
            yield blob
        finally:
            blob.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, sha256: str, blob: Blob) -> None:
        etag = f'"{sha256}"'.encode()
        span = _span(scope, etag, blob.size)
        whole = span is None
        first, end = (0, blob.size) if span is None else (span.first, span.end)
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", str(end - first).encode()),
            (b"accept-ranges", b"bytes"),
            (b"etag", etag),
            (b"cache-control", b"private, no-transform"),  # a proxy that packs it would break the ranges
        ]
        if not whole:
            headers.append((b"content-range", f"bytes {first}-{end - 1}/{blob.size}".encode()))
        await send({"type": "http.response.start", "status": 200 if whole else 206, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        await self._stream(receive, send, blob, first, end)

    async def _stream(self, receive: Receive, send: Send, blob: Blob, first: int, end: int) -> None:
        """Send bytes as fast as the other end takes them, and no longer than it is there."""
        gone = asyncio.create_task(_until_gone(receive))
        try:
            at = first
            while at < end and not gone.done():
                chunk = await self._reader.read(blob, at, min(limits.TRANSFER_CHUNK_BYTES, end - at))
                if not chunk:
                    log.error("artifacts.short", offset=at)  # the file shrank: the client sees a cut answer and resumes
                    return
                at += len(chunk)
                async with asyncio.timeout(limits.TRANSFER_STALL_S):
                    await send({"type": "http.response.body", "body": chunk, "more_body": at < end})
                self.bytes_sent += len(chunk)
            if first == end:
                await send({"type": "http.response.body"})
        except TimeoutError:
            log.info("artifacts.stalled", offset=at)  # returning early ends the connection
        except OSError as error:
            log.warning("artifacts.unread", offset=at, error=str(error))
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


def _span(scope: Scope, etag: bytes, size: int) -> Span | None:
    """Return the part that is asked for; None for the whole."""
    values = [value for name, value in scope["headers"] if name == b"range"]
    if not values or scope["method"] == "HEAD":  # RFC 9110, 14.2: a range is of GET alone
        return None
    condition = next((value for name, value in scope["headers"] if name == b"if-range"), etag)
    if condition != etag:
        return None
    try:
        return wanted(b",".join(values).decode("latin-1"), size)
    except Unsatisfiable as error:
        note = (b"content-range", f"bytes */{size}".encode())
        raise Refusal(416, "range_not_satisfiable", "The artifact has no such range.", note) from error


def _unknown() -> Refusal:
    return unknown("There is no such artifact.")


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
