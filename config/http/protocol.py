"""Bounds how long, and with how many bytes, a connection may say what it wants.

The server closes connections that are idle between requests, but waits for ever for
the first bytes of one and keeps any number of headers. A client that sends one byte a
second, or headers without end, would hold a connection and its memory.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_TIMEOUT_S = 10.0  # for the request line and the headers; also over a bad radio link they are one packet
MAX_HEAD_BYTES = 64 * 1024  # browsers send below 8 KiB; a first read that already holds some body counts too


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request head is late or too long. A socket that was upgraded is left alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._too_late: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Here and not when a message begins: empty lines begin none, yet end the wait of an idle connection.
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        super().data_received(data)
        if self._too_late is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._close("too long")

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        """Start to wait for a head; the wait that runs already, since the connection was made, goes on."""
        if self._too_late is None:
            self._head_bytes = 0
            self._too_late = self.loop.call_later(HEAD_TIMEOUT_S, self._close, "too late")

    def _head_is_here(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _close(self, why: str) -> None:
        self._head_is_here()
        self.logger.info("A request head was %s.", why)
        self.transport.close()
