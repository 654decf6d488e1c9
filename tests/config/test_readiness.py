"""A child counts as ready once it really serves."""

import asyncio

from config.supervisor import readiness


async def answer(status: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def ready(status: bytes) -> bool:
    server = await asyncio.start_server(lambda *streams: answer(status, *streams), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await readiness.http("127.0.0.1", port, "/healthz", name="muster.example")(0)


async def test_a_200_is_ready() -> None:
    assert await ready(b"200 OK")


async def test_any_other_answer_is_not() -> None:
    assert not await ready(b"503 Service Unavailable")


async def test_nobody_listening_is_not() -> None:
    server = await asyncio.start_server(lambda *_streams: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    assert not await readiness.http("127.0.0.1", port, "/healthz", name="x")(0)
    assert not await readiness.tcp("127.0.0.1", port)(0)


async def test_a_wildcard_is_asked_on_the_loopback() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        assert await readiness.tcp("0.0.0.0", server.sockets[0].getsockname()[1])(0)
