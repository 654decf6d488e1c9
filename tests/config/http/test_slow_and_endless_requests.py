"""A client that sends slowly, without end, or with a false length holds nothing for long."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn

from config.http import protocol
from config.http.bodies import BoundedBodies

MOST_BYTES = 1000
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


class Announced(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.up.set()


async def echo(scope, receive, send) -> None:
    """Answer with the length that was announced and the body that came."""
    body = (await receive())["body"]
    length = dict(scope["headers"]).get(b"content-length", b"none")
    said = length + b" " + body
    headers = [(b"connection", b"close"), (b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


@pytest.fixture
async def port(monkeypatch) -> AsyncIterator[int]:
    """A real server with our bounds, in tenths of a second."""
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.3)
    application = BoundedBodies(echo, most_bytes=MOST_BYTES, timeout_s=0.3)
    config = uvicorn.Config(
        application, port=0, http="config.http.protocol:BoundedHttp", lifespan="off", log_config=None, ws="none"
    )
    server = Announced(config)
    running = asyncio.create_task(server.serve())
    await server.up.wait()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def answer(port: int, *parts: bytes) -> bytes:
    """Send the parts, keep the connection open, and return what came until the server closed it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def refused(raw: bytes) -> tuple[int, str]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["code"]


async def test_a_body_comes_through_with_its_length(port):
    assert (await answer(port, HEAD + b"Content-Length: 5\r\n\r\nhello")).endswith(b"5 hello")


async def test_a_body_in_chunks_is_read_and_gets_its_length(port):
    raw = await answer(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n")
    assert raw.endswith(b"5 hello")


async def test_a_request_without_a_body_has_no_length(port):
    assert (await answer(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"none ")


async def test_an_announced_flood_is_refused_before_it_is_sent(port):
    raw = await answer(port, HEAD + b"Content-Length: 100000000000\r\nExpect: 100-continue\r\n\r\n")
    assert refused(raw) == (413, "too_large")
    assert b"100 Continue" not in raw


async def test_chunks_without_end_are_refused(port):
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    raw = await answer(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk)
    assert refused(raw) == (413, "too_large")


@pytest.mark.parametrize("framing", [b"Content-Length: 500\r\n\r\nhell", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"])
async def test_a_body_that_does_not_come_is_given_up(port, framing):
    assert refused(await answer(port, HEAD + framing)) == (408, "too_slow")


@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_head_that_does_not_come_is_given_up(port, start):
    assert await answer(port, start) == b""


async def test_empty_lines_do_not_keep_a_connection(port, monkeypatch):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        writer.write(b"\r\n")
        assert await reader.read() == b""
    writer.close()


async def test_headers_without_end_are_cut_off(port, monkeypatch):
    monkeypatch.setattr(protocol, "MAX_HEAD_BYTES", 4096)
    lines = [b"X-Filler-%d: %s\r\n" % (number, b"x" * 500) for number in range(100)]
    assert await answer(port, b"GET / HTTP/1.1\r\nHost: x\r\n", *lines) == b""


async def test_a_client_that_leaves_early_reaches_no_application():
    async def never(*_arguments) -> None:
        raise AssertionError

    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": []}
    await BoundedBodies(never, most_bytes=MOST_BYTES)(scope, receive, never)


async def test_sockets_pass_untouched():
    seen = []

    async def application(scope, receive, send) -> None:
        seen.append(scope["type"])

    await BoundedBodies(application, most_bytes=0)({"type": "websocket"}, None, None)
    assert seen == ["websocket"]
