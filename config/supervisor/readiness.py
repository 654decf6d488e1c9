"""Whether a child serves by now."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from config.supervisor.embedded import Server

TIMEOUT_S = 2.0
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (where to ask a wildcard)


def server(server: Server) -> Callable[[int], Awaitable[bool]]:
    """Return a check of an embedded server."""

    async def check(pid: int) -> bool:
        return server.ready(pid)

    return check


def http(host: str, port: int, path: str, *, name: str) -> Callable[[int], Awaitable[bool]]:
    """Return a check that a GET is answered with 200, asked by a host name that is served."""
    request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()

    async def check(_pid: int) -> bool:
        async with _connection(host, port) as streams:
            if streams is None:
                return False
            reader, writer = streams
            writer.write(request)
            try:
                status_line = await asyncio.wait_for(reader.readline(), TIMEOUT_S)
            except (OSError, TimeoutError):
                return False
            return status_line.split(b" ")[1:2] == [b"200"]

    return check


def tcp(host: str, port: int) -> Callable[[int], Awaitable[bool]]:
    """Return a check that connections are taken."""

    async def check(_pid: int) -> bool:
        async with _connection(host, port) as streams:
            return streams is not None

    return check


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def _connection(host: str, port: int) -> AsyncIterator[Streams | None]:
    """Connect for the length of the block; None where nobody listens."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(LOOPBACK.get(host, host), port), TIMEOUT_S)
    except (OSError, TimeoutError):
        yield None
        return
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
