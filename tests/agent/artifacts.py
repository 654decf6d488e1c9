"""The artifact endpoint of the tests' gateway, on its websocket's port: it can break off, lie, and be slow."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from muster.canon.signatures import ARTIFACT_REQUEST, ED25519, Signature, fingerprint, verify
from muster.wire.enrolment import b64decode
from muster.wire.targets import artifact_request_part
from tests.agent.intake import Intake

_REQUEST = re.compile(rb"GET /artifacts/([0-9a-f]{64}) HTTP/1.1\r\n")


@dataclass
class Artifacts:
    """What the endpoint holds and how it behaves.

    Attributes:
        files: by hash; one that is missing is answered 404.
        instead: bytes to give in place of a file's, once for each entry.
        break_after: bytes of a body after which the connection is dropped, once for each entry.
        knows_ranges: whether Range is heeded.
        bytes_per_s: how fast a body travels, None without a limit.
        asked: (hash, first byte) of every request, in order.
        refusal: a status to answer instead of everything.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    instead: list[bytes] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    bytes_per_s: int | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)
    refusal: int | None = None
    device_key: bytes = b""
    problems: list[str] = field(default_factory=list)

    async def answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        """Answer one request; the connection ends with it."""
        match = _REQUEST.match(request)
        assert match is not None, request
        sha256, headers = match[1].decode(), _headers(request)
        self._check(sha256, headers)
        first = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
        self.asked.append((sha256, first))
        if self.refusal is not None or sha256 not in self.files:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % (self.refusal or 404))
            return
        data = self.instead.pop(0) if self.instead else self.files[sha256]
        await self._send(data, first if self.knows_ranges else 0, writer)

    async def _send(self, data: bytes, first: int, writer: asyncio.StreamWriter) -> None:
        status = b"206 Partial Content" if self.knows_ranges else b"200 OK"
        ranged = b"Content-Range: bytes %d-%d/%d\r\n" % (first, len(data) - 1, len(data)) if self.knows_ranges else b""
        body = data[first:]
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), ranged))
        broken_after = self.break_after.pop(0) if self.break_after else None
        body = body[:broken_after]
        step = self.bytes_per_s // 20 if self.bytes_per_s else len(body) or 1
        for at in range(0, len(body), step):
            writer.write(body[at : at + step])
            await writer.drain()
            if self.bytes_per_s:
                await asyncio.sleep(0.05)

    def _check(self, sha256: str, headers: dict[str, str]) -> None:
        """Note what the real gateway would refuse."""
        part = artifact_request_part(headers["muster-node"], sha256, int(headers["muster-at"]))
        value = b64decode(headers["muster-signature"])
        verify(self.device_key, ARTIFACT_REQUEST, part, Signature(ED25519, fingerprint(self.device_key), value))


@asynccontextmanager
async def front(
    artifacts: Artifacts, port: int, behind: Callable[[], int], intake: Intake | None = None
) -> AsyncIterator[int]:
    """Listen on `port`, answer requests for artifacts and updates and pass every other connection on."""

    handlers: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if request.startswith(b"GET /artifacts/"):
                await artifacts.answer(request, writer)
            elif intake is not None and b" /updates" in request.partition(b"\r\n")[0]:
                await intake.answer(request, reader, writer)
            else:
                await _pass_on(request, reader, writer, behind())
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()  # the device went away
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            handlers.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


async def _pass_on(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    far_writer.write(request)
    pumps = [asyncio.create_task(_pump(reader, far_writer)), asyncio.create_task(_pump(far_reader, writer))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.wait(pumps)
        far_writer.close()
        with suppress(ConnectionError):
            await far_writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def _headers(request: bytes) -> dict[str, str]:
    lines = request.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
