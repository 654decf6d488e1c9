"""One websocket to the gateway, speaking messages and raising only LinkError."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from agent.clock import ServerClock
from agent.errors import BadGateway, LinkLost, LinkRefused
from muster.wire import envelope
from muster.wire.errors import WireError
from muster.wire.messages import CLOSE_MALFORMED, MAX_MESSAGE_BYTES, Message
from muster.wire.versions import MINOR

NODE_PATH = "/node"
DIAL_TIMEOUT_S = 2.0  # a black hole must not eat the time in which a returning node has to be healthy
CLOSE_TIMEOUT_S = 0.5  # a clean end within two seconds, also with a gateway that does not answer

_CLOSE_REASONS = range(4000, 5000)


class Channel:
    """Messages over an open socket, numbered as the envelope wants it."""

    def __init__(self, socket: ClientConnection, clock: ServerClock) -> None:
        self._socket = socket
        self._clock = clock
        self._sent = 0
        self.minor = MINOR

    async def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            LinkError: the socket is gone.
        """
        await self.send_body(envelope.NAMES[type(message)], envelope.encode_body(message))

    async def send_body(self, name: str, body: bytes) -> None:
        """Send the body of a message of type `name` as it is."""
        self._sent += 1
        data = envelope.wrap(name, body, id=self._sent, at=self._clock.now_us(), minor=self.minor)
        try:
            await self._socket.send(data)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            BadGateway: the bytes are no message of this wire.
            LinkError: the socket is gone.
        """
        try:
            data = await self._socket.recv()
        except ConnectionClosed as error:
            raise _closed(error) from error
        if isinstance(data, str):
            raise BadGateway("the gateway sent text where the wire is binary")
        try:
            return envelope.decode(data)[1]
        except WireError as error:
            raise BadGateway(f"the gateway broke the wire: {error}") from error

    async def close(self, code: int = 1000) -> None:
        """Close with a handshake that is waited for only shortly."""
        await self._socket.close(code)

    def abort(self) -> None:
        """Drop the socket without a word: the other end does not hear us anyway."""
        self._socket.transport.abort()


@asynccontextmanager
async def dial(gateway_url: str, clock: ServerClock) -> AsyncIterator[Channel]:
    """Open a channel to the gateway for the length of the block.

    Raises:
        LinkLost: it is not reached within the time limit, or is no websocket.
    """
    socket = await _connect(gateway_url.rstrip("/") + NODE_PATH)
    channel = Channel(socket, clock)
    try:
        yield channel
    except BadGateway:
        await channel.close(CLOSE_MALFORMED)
        raise
    finally:
        await channel.close()


async def _connect(url: str) -> ClientConnection:
    try:
        async with asyncio.timeout(DIAL_TIMEOUT_S):
            return await connect(
                url,
                compression=None,  # samples are small, and a context for each socket is dear
                proxy=None,
                max_size=MAX_MESSAGE_BYTES,
                ping_interval=None,  # the wire has its own, which also tells the time
                open_timeout=None,
                close_timeout=CLOSE_TIMEOUT_S,
            )
    except TimeoutError as error:
        raise LinkLost(f"{url} did not answer within {DIAL_TIMEOUT_S:g} s") from error
    except (OSError, EOFError, WebSocketException) as error:
        raise LinkLost(f"{url} cannot be reached: {error}") from error


def _closed(error: ConnectionClosed) -> LinkLost | LinkRefused:
    if error.rcvd is not None and error.rcvd.code in _CLOSE_REASONS:
        return LinkRefused(error.rcvd.code, error.rcvd.reason)
    return LinkLost(f"the gateway closed the connection: {error}")
