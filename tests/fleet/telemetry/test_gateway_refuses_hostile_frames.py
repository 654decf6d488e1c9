import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fleet.telemetry.gateway import limits
from muster.clock import now_us
from muster.wire import messages
from muster.wire.messages import Ack, Ping, StreamState
from muster.wire.versions import MINOR
from tests.fleet.telemetry.devices import Device, Door, Line, frame, hello, rows, sample


def envelope(**changes: Any) -> bytes:
    parts = {"v": [1, MINOR], "type": "ping", "id": 1, "at": now_us(), "body": {"sent_at": 1}, **changes}
    return msgspec.msgpack.encode(parts)


async def end_of(door: Door, device: Device, attack: Callable[[Line], Any]) -> tuple[int, list[Any]]:
    """Say Hello, attack, and return how the socket ends."""
    async with door.enter(device) as line:
        said = attack(line)
        if isinstance(said, (bytes, str)):
            await line.socket.send(said)
        else:
            await said
        return await line.hear_end()


def boot(line: Line) -> str:
    return line.device.boot


ATTACKS: dict[str, tuple[int, Callable[[Line], Any]]] = {
    "noise": (messages.CLOSE_MALFORMED, lambda line: b"\xc1 not msgpack"),
    "empty": (messages.CLOSE_MALFORMED, lambda line: b""),
    "text": (messages.CLOSE_MALFORMED, lambda line: "hello"),
    "unknown type": (messages.CLOSE_MALFORMED, lambda line: envelope(type="shutdown")),
    "unknown type whose name is long": (messages.CLOSE_MALFORMED, lambda line: envelope(type="閘" * 500)),
    "unknown field": (messages.CLOSE_MALFORMED, lambda line: envelope(body={"sent_at": 1, "root": True})),
    "body of another type": (messages.CLOSE_MALFORMED, lambda line: envelope(body=[1, 2, 3])),
    "deep nesting": (messages.CLOSE_MALFORMED, lambda line: b"\x91" * 100_000),
    "another major version": (messages.CLOSE_VERSION, lambda line: envelope(v=[9, 0])),
    "too big": (messages.CLOSE_TOO_LARGE, lambda line: b"\x00" * (messages.MAX_MESSAGE_BYTES + 1)),
    "hello twice": (messages.CLOSE_MALFORMED, lambda line: line.say(hello(line.device, b"again"))),
    "a message of the gateway": (messages.CLOSE_MALFORMED, lambda line: line.say(Ack(boot(line), 1))),
    "no samples": (messages.CLOSE_MALFORMED, lambda line: line.say(messages.Frame(boot(line), 1, 0, 0, []))),
    "too many samples": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, *[sample()] * 601))),
    "NaN": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, sample(cpu=float("nan"))))),
    "infinity": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, sample(load1=float("inf"))))),
    "battery above full": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, sample(battery=1.1)))),
    "round trip too wide": (
        messages.CLOSE_MALFORMED,
        lambda line: line.say(frame(boot(line), 1, sample(rtt_us=2**31))),
    ),
    "memory too wide": (
        messages.CLOSE_MALFORMED,
        lambda line: line.say(frame(boot(line), 1, sample(memory_used_bytes=2**63))),
    ),
    "time below zero": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, sample(at=-1)))),
    "sequence below zero": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), -1))),
    "sequence zero": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 0))),
    "sequence too wide": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 2**63))),
    "counter below zero": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, waiting=-1))),
    "counter too wide": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(boot(line), 1, waiting=2**31))),
    "unknown boot": (messages.CLOSE_MALFORMED, lambda line: line.say(frame(str(uuid.uuid4()), 1))),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_its_socket_with_the_named_code_and_a_bye(gateway: Door, device: Device, name: str) -> None:
    code, attack = ATTACKS[name]
    ended, heard = asyncio.run(end_of(gateway, device, attack))
    assert ended == code
    assert heard[-1].code == code
    assert heard[-1].reason
    assert rows("SELECT count(*) FROM telemetry_sample") == [(0,)]


def test_a_falling_sequence_ends_the_socket(gateway: Door, device: Device) -> None:
    async def fall(line: Line) -> None:
        await line.say(frame(device.boot, 5))
        await line.hear()
        await line.say(frame(device.boot, 4))

    code, _ = asyncio.run(end_of(gateway, device, fall))
    assert code == messages.CLOSE_MALFORMED


def test_a_flood_of_pings_that_nobody_reads_is_bounded(gateway: Door, device: Device) -> None:
    async def flood(line: Line) -> None:
        for _ in range(50):
            await line.say(Ping(1))

    async def talk() -> list[Any]:
        async with gateway.enter(device) as line:
            await flood(line)
            return [await line.hear() for _ in range(3)]

    assert asyncio.run(talk())  # answered or closed, never kept


async def refused(door: Door, device: Device, **changes: Any) -> tuple[int, list[Any]]:
    """Say a Hello with changes and return how the socket ends."""
    async with door.dial(device) as line:
        challenge = await line.hear()
        nonce = changes.pop("challenge", challenge.nonce)
        await line.say(hello(device, nonce, **changes))
        return await line.hear_end()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"challenge": b"another socket's challenge"}, messages.CLOSE_UNAUTHENTICATED),
        ({"node": "00000000-0000-7000-8000-000000000000"}, messages.CLOSE_UNAUTHENTICATED),
        ({"node": "everything"}, messages.CLOSE_MALFORMED),
        ({"boot": "today"}, messages.CLOSE_MALFORMED),
        ({"streams": [StreamState("x", 1)]}, messages.CLOSE_MALFORMED),
        ({"streams": [StreamState(str(uuid.uuid4()), -1)]}, messages.CLOSE_MALFORMED),
        (
            {"streams": [StreamState(str(uuid.uuid4()), 1) for _ in range(messages.MAX_STREAMS + 1)]},
            messages.CLOSE_MALFORMED,
        ),
        ({"minors": [7]}, messages.CLOSE_VERSION),
        ({"minors": []}, messages.CLOSE_MALFORMED),
    ],
)
def test_a_hello_that_does_not_fit_is_refused(gateway: Door, device: Device, changes: Any, code: int) -> None:
    ended, heard = asyncio.run(refused(gateway, device, **changes))
    assert ended == code
    assert heard[-1].code == code


def test_a_hello_signed_by_another_key_is_refused(gateway: Door, make_device: Callable[..., Device]) -> None:
    device, thief = make_device(), make_device()
    thief.node = device.node
    code, _ = asyncio.run(refused(gateway, thief))
    assert code == messages.CLOSE_UNAUTHENTICATED


@pytest.mark.parametrize("state", ["pending", "quarantined", "retired"])
def test_a_node_that_is_not_active_is_refused(gateway: Door, make_device: Callable[..., Device], state: str) -> None:
    code, heard = asyncio.run(refused(gateway, make_device(state)))
    assert code == messages.CLOSE_NOT_ACTIVE
    assert state in heard[-1].reason


def test_a_frame_before_hello_is_refused(gateway: Door, device: Device) -> None:
    async def talk() -> tuple[int, list[Any]]:
        async with gateway.dial(device) as line:
            await line.say(frame(device.boot, 1))
            return await line.hear_end()

    code, _ = asyncio.run(talk())
    assert code == messages.CLOSE_UNAUTHENTICATED


def test_a_socket_that_says_nothing_is_closed(gateway: Door, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELLO_TIMEOUT_S", 0.1)

    async def talk() -> tuple[int, list[Any]]:
        async with gateway.dial(device) as line:
            return await line.hear_end()

    code, _ = asyncio.run(talk())
    assert code == messages.CLOSE_SILENT


def test_a_device_that_falls_silent_is_closed(gateway: Door, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SILENCE_S", 0.2)

    async def talk() -> tuple[int, list[Any]]:
        async with gateway.enter(device) as line:
            return await line.hear_end()

    code, _ = asyncio.run(talk())
    assert code == messages.CLOSE_SILENT
