import asyncio
import signal
import time
from typing import Any

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.core.management.base import BaseCommand

from fleet.telemetry.services.pulse import Pulse
from fleet.telemetry.services.sender import LiveSender

PERIOD_S = 1.0


class Command(BaseCommand):
    """Runs the fleet's pulse until it is told to stop."""

    help = "Merge the fleet's figures each second and publish them; a second process waits as stand-by."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    pulse, sender = Pulse(), LiveSender(get_channel_layer())
    tick = sync_to_async(pulse.tick)
    while not stop.is_set():
        started = time.monotonic()
        for message in await tick():
            if not await sender.send(message):
                break  # Redis is away: the next second says it anew
        await _pause(stop, started + PERIOD_S - time.monotonic())
    await sync_to_async(pulse.stop)()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))
    except TimeoutError:
        return  # the second is over
