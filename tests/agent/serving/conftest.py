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
from agent.serving.service import Serving
from agent.serving.state import Timing
from agent.spool import Spool
from muster.canon.signatures import public_bytes
from muster.ids import uuid7
from muster.wire.enrolment import b64decode
from tests.agent.artifacts import Artifacts
from tests.agent.conftest import enrolment_at
from tests.agent.gateway import Gateway

IMPATIENT = Timing(live_s=0.2, files_s=0.3, share=1.0, retry_s=0.1, retry_cap_s=0.5)

Serve = Callable[..., AbstractAsyncContextManager[Serving]]


@pytest.fixture
async def gateway(home: Home) -> AsyncIterator[Gateway]:
    """A gateway with artifacts that knows the device of `home`, which is enrolled at it."""
    device_key = public_bytes(identity.make(home))
    gateway = Gateway(device_key=device_key, artifacts=Artifacts(device_key=device_key))
    async with gateway.listen():
        store.save(home, enrolment_at(gateway))
        yield gateway


@pytest.fixture
def node(home: Home, gateway: Gateway) -> str:
    """The device's UUID."""
    return store.load(home).node


@pytest.fixture
def serve(home: Home, gateway: Gateway) -> Serve:
    """Run all that serves, with a real connection and a real worker, in this process for the length of a block."""

    @asynccontextmanager
    async def serve(*, data_dir: str | None = None, connected: bool = True, **more: Any) -> AsyncIterator[Serving]:
        enrolment, key = store.load(home), identity.load(home)
        assert key is not None
        credentials = Credentials(enrolment.node, key, b64decode(enrolment.server_key))
        boot = str(uuid7())
        clock = ServerClock()
        more.setdefault("timing", IMPATIENT)
        shelf = more.pop("shelf", None) or Shelf(home.artifacts)
        downloader = Downloader(gateway.url, credentials, clock, shelf)
        serving = Serving(Device(home, credentials, boot, gateway.url, data_dir), clock, downloader, **more)
        spool = Spool(home.spool, boot)
        connection = Connection(gateway.url, credentials, spool, clock, lambda seconds: None, desks=[serving])
        tasks = [asyncio.create_task(serving.run())]
        if connected:
            tasks.append(asyncio.create_task(connection.run()))
        try:
            yield serving
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            spool.close()
            for task in ended:
                task.result()  # what ended by itself tells why

    return serve


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for something that only a look can tell."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)
