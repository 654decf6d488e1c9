import asyncio
import uuid
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection

from fleet.registry.models import Node
from muster.canon import signatures
from muster.wire import messages
from muster.wire.messages import Ack, StreamState, Welcome
from tests.fleet.telemetry.devices import Device, Door, frame, rows


def test_a_second_connection_supersedes_the_first(gateway: Door, device: Device) -> None:
    async def talk() -> tuple[int, Ack]:
        async with gateway.enter(device) as old, gateway.enter(device) as new:
            code, _ = await old.hear_end()
            await new.say(frame(device.boot, 1))
            assert new.answer.epoch > old.answer.epoch
            return code, await new.hear()

    code, ack = asyncio.run(talk())
    assert code == messages.CLOSE_SUPERSEDED
    assert ack == Ack(device.boot, 1)


def test_a_connection_through_another_gateway_is_fenced_by_its_epoch(gateway: Door, device: Device) -> None:
    """The other gateway is played by what it would write: a newer epoch on the node's streams."""

    def take_over() -> None:
        rows("UPDATE telemetry_stream SET epoch = nextval('telemetry_epoch_seq') RETURNING id")
        connection.close()

    async def talk() -> int:
        async with gateway.enter(device) as line:
            await sync_to_async(take_over)()
            await line.say(frame(device.boot, 1))
            return (await line.hear_end())[0]

    assert asyncio.run(talk()) == messages.CLOSE_SUPERSEDED
    assert rows("SELECT count(*) FROM telemetry_sample") == [(0,)]


def test_quarantine_closes_the_socket_by_hint(gateway: Door, device: Device) -> None:
    def quarantine() -> None:
        Node.objects.filter(pk=device.node.pk).update(state="quarantined")
        connection.close()
        with redis.Redis.from_url(settings.MUSTER_REDIS_URL) as client:
            client.publish("muster:nodes", str(device.node.uid))

    assert _end_after(gateway, device, quarantine) == messages.CLOSE_NOT_ACTIVE


def test_quarantine_closes_the_socket_without_a_hint(gateway: Door, device: Device) -> None:
    def quarantine() -> None:
        Node.objects.filter(pk=device.node.pk).update(state="quarantined")
        connection.close()

    assert _end_after(gateway, device, quarantine) == messages.CLOSE_NOT_ACTIVE


def _end_after(gateway: Door, device: Device, act: Any) -> int:
    async def talk() -> int:
        async with gateway.enter(device) as line:
            await sync_to_async(act)()
            return (await line.hear_end())[0]

    return asyncio.run(talk())


def test_the_welcome_is_signed_and_names_what_is_stored(gateway: Door, device: Device) -> None:
    earlier = str(uuid.uuid4())

    async def talk() -> tuple[Welcome, Welcome]:
        async with gateway.enter(device) as line:
            await line.say(frame(device.boot, 3))
            await line.hear()
            first = line.answer
        streams = [StreamState(device.boot, 5), StreamState(earlier, 9)]
        async with gateway.enter(device, streams=streams) as line:
            return first, line.answer

    first, second = asyncio.run(talk())
    assert first.streams == [StreamState(device.boot, 0)]
    assert {stream.boot: stream.last_seq for stream in second.streams} == {device.boot: 3, earlier: 0}
    assert second.epoch > first.epoch
    assert second.sample_interval_ms == settings.MUSTER_SAMPLE_INTERVAL_MS
    assert second.signature.algorithm == signatures.ED25519


def test_frames_of_an_earlier_boot_are_stored_but_do_not_move_the_figures(gateway: Door, device: Device) -> None:
    earlier = str(uuid.uuid4())

    async def talk() -> None:
        async with gateway.enter(device, streams=[StreamState(earlier, 1)]) as line:
            await line.say(frame(earlier, 1))
            assert await line.hear() == Ack(earlier, 1)

    asyncio.run(talk())
    assert rows("SELECT cpu, expires_at > now() FROM registry_presence") == [(None, True)]
    assert rows("SELECT count(*) FROM telemetry_sample") == [(1,)]
