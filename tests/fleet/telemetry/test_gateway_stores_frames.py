import asyncio
import logging

import pytest

from muster.wire.messages import Ack
from tests.fleet.telemetry.devices import Device, Door, frame, rows


def test_a_frame_is_stored_and_then_acknowledged(gateway: Door, device: Device) -> None:
    async def talk() -> Ack:
        async with gateway.enter(device) as line:
            await line.say(frame(device.boot, 1))
            return await line.hear()

    assert asyncio.run(talk()) == Ack(device.boot, 1, 0)
    assert rows("SELECT node, seq, cpu FROM telemetry_sample") == [(device.node.key, 1, 0.25)]


def test_devices_that_vanish_without_a_close_leave_no_error_and_may_come_back(
    gateway: Door, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk() -> Ack:
        for seq in range(1, 6):
            async with gateway.enter(device) as line:
                await line.say(frame(device.boot, seq))
                line.socket.transport.abort()
        async with gateway.enter(device) as line:
            await line.say(frame(device.boot, 9))
            return await line.hear()

    assert asyncio.run(talk()) == Ack(device.boot, 9)
    assert (9,) in rows("SELECT seq FROM telemetry_sample")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
