"""Bounds the bodies of requests before anything of them is kept.

Django copies a body to a temporary file however long it is and however slowly it
comes, and looks at its own limits only afterwards. Here a body is read whole, up to a
size and within a time, and handed on with its true length. So a body in chunks, whose
length nobody announced, is read like any other.
"""

import asyncio
import json
from typing import Any

from asgiref.typing import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    HTTPRequestEvent,
    HTTPScope,
    Scope,
)

TIMEOUT_S = 30.0  # a mebibyte over a link of 300 kbit/s
ABOUT_LENGTH = (b"content-length", b"transfer-encoding")
REFUSALS = {
    408: ("too_slow", "The body of this request took too long."),
    413: ("too_large", "The body of this request is too large."),
}


class TooLarge(Exception):
    """A body has more bytes than it may."""


class Disconnected(Exception):
    """The client went away before its body was here."""


class BoundedBodies:
    """Hands requests on once their body is here; refuses those that are too long or too slow."""

    def __init__(self, application: ASGI3Application, *, most_bytes: int, timeout_s: float = TIMEOUT_S) -> None:
        self._application = application
        self._most_bytes = most_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer 413 or 408, or let the application answer."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._read(scope, receive)
        except TooLarge:
            await _refuse(send, 413)
        except TimeoutError:
            await _refuse(send, 408)
        except Disconnected:
            return
        else:
            await self._application(_with_length(scope, body), _replay(body, receive), send)

    async def _read(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> bytes:
        # What announces too much is refused before it is sent; a client may wait for that ("Expect: 100-continue").
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced[:20]) > self._most_bytes:
            raise TooLarge
        body = bytearray()
        while True:
            event: Any = await receive()
            if event["type"] != "http.request":
                raise Disconnected
            body += event.get("body", b"")
            if len(body) > self._most_bytes:
                raise TooLarge
            if not event.get("more_body", False):
                return bytes(body)


def _with_length(scope: HTTPScope, body: bytes) -> HTTPScope:
    """Return the scope with the length of the body that came, and none where there is no body."""
    headers = [(name, value) for name, value in scope["headers"] if name not in ABOUT_LENGTH]
    length = [(b"content-length", str(len(body)).encode())] if body else []
    return {**scope, "headers": [*headers, *length]}


def _replay(body: bytes, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """Return a channel that gives the whole body at once, then whatever the client does next."""
    whole: HTTPRequestEvent = {"type": "http.request", "body": body, "more_body": False}
    waiting: list[ASGIReceiveEvent] = [whole]

    async def replay() -> ASGIReceiveEvent:
        return waiting.pop() if waiting else await receive()

    return replay


async def _refuse(send: ASGISendCallable, status: int) -> None:
    """Answer in the form of every refusal, and close: the rest of the body is not waited for."""
    code, detail = REFUSALS[status]
    content = json.dumps({"code": code, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": content, "more_body": False})
