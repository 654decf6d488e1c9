"""Both ends of a socket prove who they are before anything else is said."""

import asyncio
import os
from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.channel import Channel
from agent.errors import BadGateway, LinkLost, LinkRefused
from muster import __version__
from muster.canon.signatures import SOCKET_HELLO, SOCKET_WELCOME, SignatureError, sign, verify
from muster.wire.errors import UnknownVersion
from muster.wire.messages import NONCE_BYTES, Bye, Challenge, Hello, StreamState, Welcome
from muster.wire.versions import MINOR, OLDEST_MINOR, negotiate

TIMEOUT_S = 2.0  # see channel.DIAL_TIMEOUT_S

MINORS = list(range(OLDEST_MINOR, MINOR + 1))

_Expected = TypeVar("_Expected", Challenge, Welcome)


@dataclass(frozen=True)
class Credentials:
    """Who this device is, and the server's raw key that every Welcome must be signed by."""

    node: str
    key: Ed25519PrivateKey
    server_key: bytes


async def authenticate(channel: Channel, credentials: Credentials, boot: str, streams: list[StreamState]) -> Welcome:
    """Answer the Challenge and return the Welcome, verified against the pinned key.

    Raises:
        BadGateway: the gateway does not hold the key, or speaks out of turn.
        LinkError: it refuses, is gone, or takes too long.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            challenge = await _expect(channel, Challenge)
            hello = _hello(challenge, credentials, boot, streams)
            await channel.send(hello)
            welcome = await _expect(channel, Welcome)
    except TimeoutError as error:
        channel.abort()
        raise LinkLost(f"the gateway did not finish the handshake within {TIMEOUT_S:g} s") from error
    _verify(welcome, hello, credentials)
    channel.minor = welcome.minor
    return welcome


def _hello(challenge: Challenge, credentials: Credentials, boot: str, streams: list[StreamState]) -> Hello:
    try:
        negotiate(challenge.minors, newest=MINOR, oldest=OLDEST_MINOR)
    except UnknownVersion as error:
        raise BadGateway(f"{error}; install the agent that this server serves") from error
    nonce = os.urandom(NONCE_BYTES)
    body = Hello.signed_part(challenge.nonce, credentials.node, boot, nonce, MINORS, streams)
    return Hello(
        node=credentials.node,
        boot=boot,
        nonce=nonce,
        minors=MINORS,
        agent_version=__version__,
        streams=streams,
        signature=sign(credentials.key, SOCKET_HELLO, body),
    )


def _verify(welcome: Welcome, hello: Hello, credentials: Credentials) -> None:
    body = Welcome.signed_part(
        hello.nonce,
        credentials.node,
        welcome.minor,
        welcome.epoch,
        welcome.at,
        welcome.sample_interval_ms,
        welcome.streams,
    )
    try:
        verify(credentials.server_key, SOCKET_WELCOME, body, welcome.signature)
    except SignatureError as error:
        raise BadGateway(f"the gateway is not the server of this enrolment: {error}") from error
    if welcome.minor not in MINORS:
        raise BadGateway(f"the gateway chose wire minor {welcome.minor}, which was not offered")


async def _expect(channel: Channel, kind: type[_Expected]) -> _Expected:
    message = await channel.receive()
    if isinstance(message, kind):
        return message
    if isinstance(message, Bye):
        raise LinkRefused(message.code, message.reason)
    raise BadGateway(f"the gateway sent {type(message).__name__} where {kind.__name__} was due")
