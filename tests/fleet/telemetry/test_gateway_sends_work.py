import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.outbox import Outbox
from fleet.trust.services import server_key
from muster.canon import signatures
from muster.clock import now_us
from muster.wire import work
from muster.wire.messages import Ack, Ping, Pong, Target, Work
from tests.fleet.telemetry.devices import Device, Door, Line, ask, issue

NEVER_S = 3_600.0
TASK = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"


async def hear_work(line: Line) -> Work:
    message = await line.hear()
    assert isinstance(message, Work)
    return message


@pytest.fixture
def without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives now came by a hint, or right behind the Welcome."""
    monkeypatch.setattr(limits, "POLL_S", NEVER_S)


@pytest.mark.usefixtures("without_poll")
def test_a_node_that_connects_is_told_its_target_and_its_work_signed_by_the_server(
    gateway: Door, device: Device
) -> None:
    issue(device, hint=False)
    document = ask(device, TASK)

    async def talk() -> list[Any]:
        async with gateway.enter(device) as line:
            return [await line.hear(), await line.hear()]

    heard = asyncio.run(talk())
    assert {type(message) for message in heard} == {Target, Work}
    (told,) = (message for message in heard if isinstance(message, Work))
    assert told.document == document
    signatures.verify(signatures.public_bytes(server_key.load()), signatures.NODE_WORK, told.document, told.signature)
    assert [task.task for task in work.read(told.document).tasks] == [TASK]


@pytest.mark.usefixtures("without_poll")
def test_newer_work_reaches_a_connected_node_by_hint_and_the_same_is_not_said_twice(
    gateway: Door, device: Device
) -> None:
    async def talk() -> list[bool]:
        async with gateway.enter(device) as line:
            first = await sync_to_async(ask)(device, TASK, hint=True)
            same = [(await hear_work(line)).document == first]
            await sync_to_async(ask)(device, OTHER, hint=True)  # another document that is no newer
            newer = await sync_to_async(ask)(device, TASK, OTHER, counter=2, hint=True)
            same.append((await hear_work(line)).document == newer)
            emptied = await sync_to_async(ask)(device, counter=3, hint=True)
            same.append((await hear_work(line)).document == emptied)
        async with gateway.enter(device) as line:
            same.append((await hear_work(line)).document == emptied)
        return same

    assert asyncio.run(talk()) == [True] * 4


def test_work_reaches_a_connected_node_without_a_hint(gateway: Door, device: Device) -> None:
    async def talk() -> tuple[bytes, bytes]:
        async with gateway.enter(device) as line:
            document = await sync_to_async(ask)(device, TASK)
            return document, (await hear_work(line)).document

    asked, heard = asyncio.run(talk())
    assert heard == asked


@pytest.mark.usefixtures("without_poll")
def test_a_new_target_does_not_say_the_work_again_nor_the_other_way_round(gateway: Door, device: Device) -> None:
    async def talk() -> list[type]:
        heard = []
        async with gateway.enter(device) as line:
            for counter in (1, 2):
                await sync_to_async(issue)(device, counter)
                heard.append(type(await line.hear()))
                await sync_to_async(ask)(device, TASK, counter=counter, hint=True)
                heard.append(type(await line.hear()))
        return heard

    assert asyncio.run(talk()) == [Target, Work, Target, Work]


@pytest.mark.usefixtures("without_poll")
def test_an_agent_of_wire_1_0_is_sent_no_work(gateway: Door, make_device: Callable[..., Device]) -> None:
    old, new = make_device(), make_device()

    async def talk() -> Any:
        await sync_to_async(ask)(old, TASK)
        async with gateway.enter(old, minors=[0]) as line, gateway.enter(new) as newer:
            await sync_to_async(ask)(old, TASK, counter=2, hint=True)
            await sync_to_async(ask)(new, TASK, hint=True)
            await hear_work(newer)  # hints are followed in order: the older agent's was looked at
            await line.say(Ping(7))
            return await line.hear()

    assert isinstance(asyncio.run(talk()), Pong)


async def test_only_the_newest_work_waits_to_be_sent_and_beside_it_the_target() -> None:
    outbox, signature = Outbox(now_us), signatures.Signature("", "", b"")
    for document in (b"older", b"newer"):
        outbox.work(Work(document, signature))
    outbox.target(Target(b"target", signature))
    outbox.ack("boot", 3, 0)
    assert await outbox.take() == [Ack("boot", 3, 0), Target(b"target", signature), Work(b"newer", signature)]
    outbox.ack("boot", 4, 0)
    assert await outbox.take() == [Ack("boot", 4, 0)]
