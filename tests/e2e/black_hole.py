"""A black-holing proxy that works beside a test which is not asynchronous."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.agent.proxy import Proxy


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """Forward to a port of this machine for the length of the block, from a thread."""
    proxy = Proxy(port)
    listening = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with proxy.listen():
            listening.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert listening.wait(5)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
