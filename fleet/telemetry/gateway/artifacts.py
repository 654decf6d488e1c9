"""Artifacts over HTTP: `GET` and `HEAD /artifacts/<sha256>` for the nodes whose target names them.

A device proves who it is by its identity key, in three headers: `Muster-Node`, `Muster-At`
(microseconds UTC) and `Muster-Signature` (base64url) over `artifact_request_part`. It may ask
for the rest of what it has begun by one `Range`. Whoever is refused learns nothing but the code.
"""

import asyncio
import contextlib
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg_pool import AsyncConnectionPool

from fleet.registry.core.node_states import NodeState
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.answers import Header, Receive, Scope, Send, respond
from fleet.telemetry.gateway.blob_reader import Blob, BlobReader
from fleet.telemetry.gateway.byte_range import Span, Unsatisfiable, wanted
from fleet.telemetry.gateway.closing import DATABASE_AWAY
from fleet.telemetry.gateway.store import Connection
from muster.canon import signatures
from muster.canon.signatures import ARTIFACT_REQUEST, ED25519, Signature, SignatureError
from muster.clock import Clock
from muster.wire.enrolment import b64decode
from muster.wire.targets import artifact_request_part

log = structlog.get_logger(__name__)

PREFIX = "/artifacts/"
NAME = re.compile(r"[0-9a-f]{64}\Z")
TIME = re.compile(r"[0-9]{1,18}\Z")  # what int64 holds for sure

FIND = """
SELECT n.key, n.state, n.public_key, n.fingerprint, %(sha256)s = ANY(t.artifacts)
FROM registry_node AS n LEFT JOIN registry_nodetarget AS t ON t.node_id = n.key WHERE n.uid = %(node)s
"""


class Refusal(Exception):
    """An answer without a body of bytes."""

    def __init__(self, status: int, code: str, detail: str, *headers: Header) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"code": code, "detail": detail}
        self.headers = headers


def _unauthenticated() -> Refusal:
    return Refusal(401, "unauthenticated", "The request is not signed by a node of this server.")


def _forbidden() -> Refusal:
    return Refusal(403, "forbidden", "This node may not fetch this artifact now.")


def _unknown() -> Refusal:
    return Refusal(404, "not_found", "There is no such artifact.")


def _busy(code: str, detail: str) -> Refusal:
    return Refusal(503, code, detail, (b"retry-after", str(limits.TRANSFER_RETRY_S).encode()))


@dataclass(frozen=True)
class Request:
    """Who asks for what, as the headers say; not proved yet."""

    node: uuid.UUID
    sha256: str
    at: int
    signature: bytes


class Artifacts:
    """Serves blobs to nodes, a bounded number at a time."""

    def __init__(self, pool: AsyncConnectionPool[Connection], reader: BlobReader, clock: Clock) -> None:
        self.bytes_sent = 0
        self._pool = pool
        self._reader = reader
        self._clock = clock
        self._transfers: Counter[int] = Counter()  # by node
        self._asking = asyncio.Semaphore(limits.MAX_ADMISSIONS)

    def __len__(self) -> int:
        """Return how many transfers run."""
        return self._transfers.total()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._serve(scope, receive, send)
        except Refusal as refusal:
            await respond(send, refusal.status, refusal.body, *refusal.headers)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refusal(405, "method_not_allowed", "Artifacts are only read.", (b"allow", b"GET, HEAD"))
        request = self._request(scope)
        node = await self._admit(request)
        with self._slot(node):
            async with self._open(request.sha256) as blob:
                await self._answer(scope, receive, send, request.sha256, blob)

    def _request(self, scope: Scope) -> Request:
        """Read path and headers; a name that no artifact can have is not looked for."""
        sha256 = scope["path"].removeprefix(PREFIX)
        if not NAME.match(sha256):
            raise _unknown()
        at = _only(scope, b"muster-at")
        try:
            node = uuid.UUID(_only(scope, b"muster-node"))
            signature = b64decode(_only(scope, b"muster-signature"))
        except ValueError as error:
            raise _unauthenticated() from error
        if not TIME.match(at) or abs(self._clock() - int(at)) > limits.REQUEST_AGE_US:
            raise _unauthenticated()
        return Request(node, sha256, int(at), signature)

    async def _admit(self, request: Request) -> int:
        """Return the key of the node that signed the request and whose target names the artifact."""
        try:
            async with self._asking, self._pool.connection() as connection:
                values = {"node": request.node, "sha256": request.sha256}
                row = await (await connection.execute(FIND, values)).fetchone()
        except DATABASE_AWAY as error:
            raise _busy("unavailable", "The database is away; try again.") from error
        if row is None:
            raise _unauthenticated()
        node, state, public_key, fingerprint, is_named = row
        part = artifact_request_part(str(request.node), request.sha256, request.at)
        signature = Signature(ED25519, fingerprint, request.signature)
        try:
            signatures.verify(bytes(public_key), ARTIFACT_REQUEST, part, signature)
        except SignatureError as error:
            raise _unauthenticated() from error
        if state != NodeState.ACTIVE or not is_named:
            raise _forbidden()
        return int(node)

    @contextlib.contextmanager
    def _slot(self, node: int) -> Iterator[None]:
        """Hold one of the transfers that may run at once, and of those of one node."""
        if len(self) >= limits.MAX_TRANSFERS or self._transfers[node] >= limits.MAX_TRANSFERS_PER_NODE:
            raise _busy("busy", "Too many transfers run at once; try again.")
        self._transfers[node] += 1
        try:
            yield
        finally:
            self._transfers[node] -= 1
            if not self._transfers[node]:
                del self._transfers[node]

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


def _only(scope: Scope, name: bytes) -> str:
    """Return the value of a header that must be there once."""
    values = [value for known, value in scope["headers"] if known == name]
    if len(values) != 1:
        raise _unauthenticated()
    return str(values[0].decode("latin-1"))


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
