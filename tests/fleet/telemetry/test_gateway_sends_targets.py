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
from muster.wire.messages import Ack, Ping, Pong, Target
from tests.fleet.telemetry.devices import Device, Door, Line, issue, report

NEVER_S = 3_600.0


async def hear_target(line: Line) -> Target:
    message = await line.hear()
    assert isinstance(message, Target)
    return message


@pytest.fixture
def without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives now came by a hint, or right behind the Welcome."""
    monkeypatch.setattr(limits, "POLL_S", NEVER_S)


@pytest.mark.usefixtures("without_poll")
def test_a_node_that_connects_is_told_its_target_signed_by_the_server(gateway: Door, device: Device) -> None:
    document = issue(device, hint=False)

    async def talk() -> Target:
        async with gateway.enter(device) as line:
            return await hear_target(line)

    target = asyncio.run(talk())
    assert target.document == document
    public = signatures.public_bytes(server_key.load())
    signatures.verify(public, signatures.NODE_TARGET, target.document, target.signature)


@pytest.mark.usefixtures("without_poll")
def test_a_new_target_reaches_a_connected_node_by_hint(gateway: Door, device: Device) -> None:
    async def talk() -> tuple[list[bytes], list[bytes]]:
        issued, heard = [], []
        async with gateway.enter(device) as line:
            for counter in (1, 2):
                issued.append(await sync_to_async(issue)(device, counter))
                heard.append((await hear_target(line)).document)
        return issued, heard

    issued, heard = asyncio.run(talk())
    assert heard == issued
    assert issued[0] != issued[1]


def test_a_new_target_reaches_a_connected_node_without_a_hint(
    gateway: Door, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> tuple[bytes, bytes]:
        async with gateway.enter(device) as line:
            document = await sync_to_async(issue)(device, hint=False)
            return document, (await hear_target(line)).document

    issued, heard = asyncio.run(talk())
    assert heard == issued


@pytest.mark.usefixtures("without_poll")
def test_a_target_is_sent_once_on_a_connection_and_again_on_the_next(gateway: Door, device: Device) -> None:
    async def talk() -> list[Any]:
        first = await sync_to_async(issue)(device, 1)
        async with gateway.enter(device) as line:
            heard = [(await hear_target(line)).document == first]
            await sync_to_async(issue)(device, 1)  # a hint that changes nothing
            newer = await sync_to_async(issue)(device, 2)
            heard.append((await hear_target(line)).document == newer)
        async with gateway.enter(device) as line:
            heard.append((await hear_target(line)).document == newer)
        return heard

    assert asyncio.run(talk()) == [True, True, True]


@pytest.mark.usefixtures("without_poll")
def test_an_agent_of_wire_1_0_connects_and_is_sent_no_target(gateway: Door, make_device: Callable[..., Device]) -> None:
    old, new = make_device(), make_device()

    async def talk() -> tuple[int, Any]:
        await sync_to_async(issue)(old)
        async with gateway.enter(old, minors=[0]) as line, gateway.enter(new) as newer:
            await sync_to_async(issue)(old, 2)
            await sync_to_async(issue)(new)
            await hear_target(newer)  # hints are followed in order: the older agent's was looked at
            await line.say(Ping(7))
            return line.answer.minor, await line.hear()

    minor, heard = asyncio.run(talk())
    assert minor == 0
    assert isinstance(heard, Pong)


async def test_only_the_newest_target_waits_to_be_sent() -> None:
    outbox, signature = Outbox(now_us), signatures.Signature("", "", b"")
    for document in (b"older", b"newer"):
        outbox.target(Target(document, signature))
    outbox.ack("boot", 3, 0)
    assert await outbox.take() == [Ack("boot", 3, 0), Target(b"newer", signature)]


def test_a_hint_for_a_node_of_another_gateway_costs_nothing(gateway: Door, make_device: Callable[..., Device]) -> None:
    """It is heard between two for a node that is here, and the socket stays as it is."""
    here, elsewhere = make_device(), make_device()

    async def talk() -> bytes:
        async with gateway.enter(here) as line:
            await sync_to_async(issue)(elsewhere)
            document = await sync_to_async(issue)(here)
            assert (await hear_target(line)).document == document
            await line.say(report(here))
            await line.say(Ping(1))
            assert isinstance(await line.hear(), Pong)
            return document

    assert asyncio.run(talk())
