"""Streams of finished boots go; those that a device may still hold frames of stay."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from fleet.telemetry.models import Stream
from fleet.telemetry.services import streams
from muster.clock import now_us
from muster.wire.messages import Ack, StreamState
from tests.fleet.telemetry.devices import Device, Door, frame, rows, sample

LONG_AGO = timedelta(hours=settings.MUSTER_RAW_HOURS) + streams.MARGIN + timedelta(minutes=1)


def enter(gateway: Door, device: Device, *held: str) -> None:
    """Connect once, with frames of these boots on the device's disk."""

    async def main() -> None:
        named = [StreamState(boot, 1) for boot in (device.boot, *held)]
        async with gateway.enter(device, boot=device.boot, streams=named):
            """The Hello is all that is wanted."""

    asyncio.run(main())


def age(boot: str, by: timedelta) -> None:
    stream = Stream.objects.get(boot=boot)
    moved = stream.left_out_at and stream.left_out_at - by
    Stream.objects.filter(pk=stream.pk).update(opened_at=stream.opened_at - by, left_out_at=moved)


def boots() -> set[str]:
    return {str(boot) for boot in Stream.objects.values_list("boot", flat=True)}


def after_a_new_boot(device: Device) -> Device:
    return replace(device, boot=str(uuid.uuid4()))


def test_a_boot_that_its_device_no_longer_names_goes_after_the_kept_window(gateway: Door, device: Device) -> None:
    enter(gateway, device)
    later = after_a_new_boot(device)
    enter(gateway, later)
    assert streams.prune() == 0

    age(device.boot, LONG_AGO)
    assert streams.prune() == 1
    assert streams.prune() == 0
    assert boots() == {later.boot}


def test_an_old_boot_that_is_still_named_and_the_newest_one_stay(gateway: Door, device: Device) -> None:
    enter(gateway, device)
    later = after_a_new_boot(device)
    enter(gateway, later, device.boot)
    age(device.boot, LONG_AGO)
    age(later.boot, LONG_AGO)

    assert streams.prune() == 0
    assert boots() == {device.boot, later.boot}


def test_a_boot_that_is_named_again_is_held_again(gateway: Door, device: Device) -> None:
    enter(gateway, device)
    later = after_a_new_boot(device)
    enter(gateway, later)
    assert Stream.objects.get(boot=device.boot).left_out_at <= timezone.now()
    enter(gateway, later, device.boot)

    assert Stream.objects.get(boot=device.boot).left_out_at is None


def test_old_frames_of_a_pruned_boot_are_acknowledged_and_not_stored(
    gateway: Door, device: Device, make_device: Callable[..., Device]
) -> None:
    later = after_a_new_boot(device)
    enter(gateway, device)
    enter(gateway, later)
    age(device.boot, LONG_AGO)
    streams.prune()

    async def bring() -> Ack:
        named = [StreamState(later.boot, 0), StreamState(device.boot, 9)]
        async with gateway.enter(later, boot=later.boot, streams=named) as line:
            assert {stream.last_seq for stream in line.answer.streams} == {0}
            await line.say(frame(device.boot, 9, sample(now_us() - LONG_AGO // timedelta(microseconds=1))))
            return await line.hear()

    ack = asyncio.run(bring())
    assert (ack.boot, ack.seq, ack.refused) == (device.boot, 9, 1)
    assert rows("SELECT count(*) FROM telemetry_sample") == [(0,)]
