import asyncio
import logging
import uuid
from typing import Any

import pytest

from fleet.telemetry.core.partitions import HOUR_US
from muster.clock import now_us
from muster.wire.messages import Ack, Frame, StreamState
from tests.fleet.telemetry.devices import Device, Door, frame, inference, rows, sample


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


async def told(gateway: Door, device: Device, *frames: Frame) -> list[Any]:
    """Send frames over one connection and return the last acknowledgement of each."""
    async with gateway.enter(device) as line:
        acks = []
        for said in frames:
            await line.say(said)
            acks.append(await line.hear())
        return acks


def test_what_shards_answered_is_stored_with_its_frame(gateway: Door, device: Device) -> None:
    now = now_us()
    answers = [
        inference(17, now - 1, total_us=5_000, least_us=1_000, most_us=4_000),
        inference(18, now, requests=0, errors=3, total_us=0, least_us=0, most_us=0, local=False),
    ]
    asyncio.run(told(gateway, device, frame(device.boot, 1, sample(now), inferences=answers)))
    names = "node, at, seq, shard, requests, errors, total_us, least_us, most_us, local"
    assert rows(f"SELECT {names} FROM telemetry_inference ORDER BY at") == [
        (device.node.key, now - 1, 1, 17, 2, 0, 5_000, 1_000, 4_000, True),
        (device.node.key, now, 1, 18, 0, 3, 0, 0, 0, False),
    ]


def test_the_largest_figures_are_stored(gateway: Door, device: Device) -> None:
    wide, narrow = 2**63 - 1, 2**31 - 1
    largest = inference(wide, requests=1, errors=narrow, total_us=wide, least_us=narrow, most_us=narrow)
    asyncio.run(told(gateway, device, frame(device.boot, 1, inferences=[largest])))
    assert rows("SELECT shard, total_us, most_us FROM telemetry_inference") == [(wide, wide, narrow)]
    assert rows("SELECT inference_us FROM registry_presence") == [(narrow,)]


def test_a_frame_sent_twice_stores_its_inferences_once(gateway: Door, device: Device) -> None:
    said = frame(device.boot, 1, inferences=[inference()])

    async def talk() -> None:
        await told(gateway, device, said)
        await told(gateway, device, said)

    asyncio.run(talk())
    assert rows("SELECT count(*) FROM telemetry_inference") == [(1,)]


def test_inferences_outside_the_kept_window_are_left_out(gateway: Door, device: Device) -> None:
    now = now_us()
    answers = [inference(1, now - 7 * HOUR_US), inference(2, now), inference(3, now + HOUR_US)]
    (ack,) = asyncio.run(told(gateway, device, frame(device.boot, 1, inferences=answers)))
    assert ack == Ack(device.boot, 1, 0)  # what it counts are samples
    assert rows("SELECT shard FROM telemetry_inference") == [(2,)]


def test_the_presence_keeps_what_was_answered_last(gateway: Door, device: Device) -> None:
    now = now_us()
    answers = [inference(1, now, requests=3, total_us=3_000), inference(2, now, requests=1, total_us=5_000)]
    silent = inference(1, now + 1, requests=0, total_us=0)
    frames = [
        frame(device.boot, 1, inferences=answers),
        frame(device.boot, 2),
        frame(device.boot, 3, inferences=[silent]),
    ]
    asyncio.run(told(gateway, device, *frames))
    query = "SELECT inference_us, (extract(epoch FROM inference_at) * 1000000)::bigint FROM registry_presence"
    assert rows(query) == [(2_000, now)]


def test_an_earlier_boot_does_not_move_what_a_node_answered_last(gateway: Door, device: Device) -> None:
    earlier = str(uuid.uuid4())

    async def talk() -> None:
        async with gateway.enter(device, streams=[StreamState(earlier, 1)]) as line:
            await line.say(frame(earlier, 1, inferences=[inference()]))
            await line.hear()

    asyncio.run(talk())
    assert rows("SELECT count(*) FROM telemetry_inference") == [(1,)]
    assert rows("SELECT inference_us FROM registry_presence") == [(None,)]
