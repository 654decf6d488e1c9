import asyncio

from muster.wire.messages import Ack
from tests.fleet.telemetry.devices import Device, Door, frame, rows


def test_a_frame_is_stored_and_then_acknowledged(gateway: Door, device: Device) -> None:
    async def talk() -> Ack:
        async with gateway.enter(device) as line:
            await line.say(frame(device.boot, 1))
            return await line.hear()

    assert asyncio.run(talk()) == Ack(device.boot, 1, 0)
    assert rows("SELECT node, seq, cpu FROM telemetry_sample") == [(device.node.key, 1, 0.25)]
