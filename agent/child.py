"""Processes that the agent starts for heavy work: how they speak with it, and how they end with it.

Messages are msgpack behind a length, over two pipes. Both ends are one release of one package,
so this is no wire: it has no versions.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import struct
from asyncio.subprocess import Process
from typing import BinaryIO

import msgspec

LENGTH = struct.Struct(">I")

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def framed(message: msgspec.Struct) -> bytes:
    """Return a message with its length in front."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def read(pipe: BinaryIO) -> bytes | None:
    """Return the next message's bytes, None at the end of the pipe."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = pipe.read(length)
    return body if len(body) == length else None


async def receive(process: Process) -> bytes:
    """Return the next message's bytes from a child; IncompleteReadError where it ended."""
    assert process.stdout is not None
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return await process.stdout.readexactly(length)


async def send(process: Process, message: msgspec.Struct) -> None:
    """Send a message to a child; ConnectionError where it ended."""
    assert process.stdin is not None
    process.stdin.write(framed(message))
    await process.stdin.drain()


def environment() -> dict[str, str]:
    """Return our environment with one thread for everything that counts its threads by OMP_NUM_THREADS."""
    return {"OMP_NUM_THREADS": "1"} | os.environ


def ended(code: int) -> str:
    """Return how a child ended, in words."""
    return f"the worker was ended by signal {-code}" if code < 0 else f"the worker ended with code {code}"


def become(agent: int, niceness: int) -> tuple[BinaryIO, BinaryIO]:
    """Make this process the agent's child in every respect and return the pipes to read from and to write to.

    The kernel ends it when the agent dies, the agent and nobody else stops it, and it comes
    after what the device is there for.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != agent:  # it died before the line above
        os._exit(1)
    os.nice(niceness)
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal or a service manager sends it to both
        signal.signal(number, signal.SIG_IGN)  # and the agent ends us
    asked, answered = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    return asked, answered


async def kill(process: Process) -> None:
    """End a child and wait for its end; it has nothing to save."""
    with contextlib.suppress(ProcessLookupError):  # it was faster
        process.kill()
    await asyncio.shield(process.wait())
