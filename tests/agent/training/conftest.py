import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from agent import identity, store
from agent.artifacts.download import Downloader
from agent.artifacts.shelf import Shelf
from agent.clock import ServerClock
from agent.connection import Connection
from agent.device import Device
from agent.handshake import Credentials
from agent.home import Home
from agent.spool import Spool
from agent.training.service import Training
from agent.training.state import Patience
from muster.canon.signatures import public_bytes
from muster.ids import uuid7
from muster.wire.enrolment import b64decode
from tests.agent.artifacts import Artifacts
from tests.agent.conftest import enrolment_at
from tests.agent.gateway import Gateway
from tests.agent.intake import Intake

IMPATIENT = Patience(retry_s=0.1, retry_cap_s=0.3)

Train = Callable[..., AbstractAsyncContextManager[Training]]


@pytest.fixture
async def gateway(home: Home) -> AsyncIterator[Gateway]:
    """A gateway that serves artifacts and takes updates; it knows the device of `home`, which is enrolled at it."""
    device_key = public_bytes(identity.make(home))
    gateway = Gateway(
        device_key=device_key, artifacts=Artifacts(device_key=device_key), intake=Intake(device_key=device_key)
    )
    async with gateway.listen():
        store.save(home, enrolment_at(gateway))
        yield gateway


@pytest.fixture
def node(home: Home, gateway: Gateway) -> str:
    """The device's UUID."""
    return store.load(home).node


@pytest.fixture
def train(home: Home, gateway: Gateway) -> Train:
    """Run all that trains, with a real connection and a real worker, in this process for the length of a block."""

    @asynccontextmanager
    async def train(*, data_dir: str | None = None, shelf: Shelf | None = None, **more: Any) -> AsyncIterator[Training]:
        enrolment, key = store.load(home), identity.load(home)
        assert key is not None
        credentials = Credentials(enrolment.node, key, b64decode(enrolment.server_key))
        boot, clock = str(uuid7()), ServerClock()
        more.setdefault("patience", IMPATIENT)
        downloader = Downloader(gateway.url, credentials, clock, shelf or Shelf(home.artifacts))
        device = Device(home, credentials, boot, gateway.url, data_dir)
        training = Training(device, clock, downloader, **more)
        spool = Spool(home.spool, boot)
        connection = Connection(gateway.url, credentials, spool, clock, lambda seconds: None, desks=[training])
        tasks = [asyncio.create_task(training.run()), asyncio.create_task(connection.run())]
        try:
            yield training
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            spool.close()
            for task in ended:
                task.result()  # what ended by itself tells why

    return train


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for something that only a look can tell."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)
