"""Reads the body of a request: whole, up to a size and within a time."""

import asyncio

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.answers import Header, Receive, Scope
from fleet.telemetry.gateway.refusals import Refusal

CLOSE: Header = (b"connection", b"close")  # the rest of the body is not waited for


class Gone(Exception):
    """The client went away before its body was here."""


async def read_body(scope: Scope, receive: Receive, most_bytes: int) -> bytes:
    """Return the body.

    Raises:
        Refusal: it is longer than `most_bytes`, or took too long.
        Gone: there is nobody left to answer.
    """
    # What announces too much is refused before it is sent; a client may wait for that ("Expect: 100-continue").
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not announced.isdigit() or int(announced[:20]) > most_bytes:
        raise _too_large(most_bytes)
    try:
        async with asyncio.timeout(limits.BODY_TIMEOUT_S):
            return await _read(receive, most_bytes)
    except TimeoutError as error:
        raise Refusal(408, "too_slow", "The body of this request took too long.", CLOSE) from error


async def _read(receive: Receive, most_bytes: int) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise Gone
        body += event.get("body", b"")
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
        if not event.get("more_body", False):
            return bytes(body)


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, "too_large", f"More than {most_bytes} bytes at once.", CLOSE)
