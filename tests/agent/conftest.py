import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent import identity, store
from agent.home import Home
from agent.store import Enrolment
from muster.canon.signatures import public_bytes
from muster.ids import uuid7
from muster.wire.enrolment import b64encode
from tests.agent.gateway import Gateway

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A prepared, empty home."""
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
async def gateway(home: Home) -> AsyncIterator[Gateway]:
    """A listening gateway that knows the device of `home`, which is enrolled at it."""
    gateway = Gateway(device_key=public_bytes(identity.make(home)))
    async with gateway.listen():
        store.save(home, enrolment_at(gateway))
        yield gateway


def enrolment_at(gateway: Gateway, url: str | None = None) -> Enrolment:
    """An enrolment at `gateway`, reached by `url`."""
    return Enrolment(
        server="http://127.0.0.1:1",
        server_key=b64encode(gateway.public_key),
        gateway_url=url or gateway.url,
        node=str(uuid7()),
        name="press-1",
        site="plant/line-1",
        tier="terminal",
        state="active",
        device_type="generic",
        data_dir=None,
        enrolled_at_us=1,
    )


Start = Callable[[Home], Awaitable[Process]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start real agent processes; they are ended after the test."""
    started: list[Process] = []

    async def start(home: Home) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agent", "run", "--home", str(home.path), cwd=ROOT, stderr=PIPE, stdout=PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        await process.communicate()
