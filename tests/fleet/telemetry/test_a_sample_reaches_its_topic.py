import asyncio
import time
from typing import Any

from channels.layers import get_channel_layer

from fleet.telemetry.core.topics import node_topic
from tests.fleet.telemetry.devices import Device, Door, frame, sample


def test_a_sample_is_on_its_nodes_topic_within_a_second_of_being_sent(gateway: Door, device: Device) -> None:
    async def talk() -> tuple[float, list[dict[str, Any]]]:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(node_topic(device.node.uid), channel)
        async with gateway.enter(device) as line:
            heard = []
            sent = time.monotonic()
            for seq in (1, 2):
                await line.say(frame(device.boot, seq, sample(cpu=seq / 10)))
                async with asyncio.timeout(5):
                    heard.append(await layer.receive(channel))
            took = time.monotonic() - sent
            epoch = line.answer.epoch
        await layer.flush()
        assert [message["data"]["epoch"] for message in heard] == [epoch, epoch]
        return took, heard

    took, heard = asyncio.run(talk())
    assert took < 1.0
    assert [message["seq"] for message in heard] == [1, 2]
    assert [message["data"]["samples"][0]["cpu"] for message in heard] == [0.1, 0.2]
