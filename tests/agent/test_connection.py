"""How the agent dials again after each kind of end, and how much it has on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from agent import identity, status
from agent.backoff import Backoff
from agent.clock import ServerClock
from agent.connection import FRAME_REFUSALS, NOT_ACTIVE_DELAY_S, SUPERSEDED_LIMIT_S, Connection, Sleep
from agent.handshake import Credentials
from agent.home import Home
from agent.session import WINDOW_FRAMES
from agent.spool import Spool
from muster.ids import uuid7
from muster.wire.envelope import encode_body
from muster.wire.messages import (
    CLOSE_NOT_ACTIVE,
    CLOSE_SUPERSEDED,
    CLOSE_UNAUTHENTICATED,
    CLOSE_VERSION,
    Frame,
    Sample,
)
from tests.agent.gateway import Gateway


@dataclass
class Naps:
    """Takes the place of sleeping: notes how long it would have been."""

    taken: list[float] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: int = 1

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) >= self.wanted:
            self.enough.set()
            await asyncio.Event().wait()  # until cancelled


@pytest.fixture
def spool(home: Home) -> Spool:
    return Spool(home.spool, str(uuid7()))


def fill(spool: Spool, count: int) -> None:
    for _ in range(count):
        number = spool.next_number()
        frame = Frame(number.boot, number.seq, number.dropped, number.waiting, [Sample(1, 0.0, 1, 0.0)])
        spool.append(encode_body(frame))


@asynccontextmanager
async def connected(
    gateway: Gateway, home: Home, spool: Spool, sleep: Sleep = asyncio.sleep, url: str | None = None
) -> AsyncIterator[Connection]:
    key = identity.load(home)
    assert key is not None
    connection = Connection(
        url or gateway.url,
        Credentials(str(uuid7()), key, gateway.public_key),
        spool,
        ServerClock(),
        on_interval=lambda seconds: None,
        backoff=Backoff(lambda low, high: high),
        sleep=sleep,
        monotonic=lambda: 0.0,  # attempts that take no time
    )
    task = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def naps_after(gateway: Gateway, home: Home, spool: Spool, count: int, url: str | None = None) -> list[float]:
    naps = Naps(wanted=count)
    async with connected(gateway, home, spool, naps.sleep, url), asyncio.timeout(8):
        await naps.enough.wait()
    return naps.taken


async def test_a_node_that_waits_for_approval_asks_every_two_seconds(
    home: Home, gateway: Gateway, spool: Spool
) -> None:
    gateway.refuse = (CLOSE_NOT_ACTIVE, "the node is pending")
    assert await naps_after(gateway, home, spool, 4) == [NOT_ACTIVE_DELAY_S] * 4


async def test_an_identity_that_is_used_twice_gives_way_more_and_more(
    home: Home, gateway: Gateway, spool: Spool
) -> None:
    gateway.refuse = (CLOSE_SUPERSEDED, "a newer connection took over")
    naps = await naps_after(gateway, home, spool, 7)
    assert naps[:4] == [1, 2, 4, 8]
    assert naps[-1] == SUPERSEDED_LIMIT_S


@pytest.mark.parametrize("code", [CLOSE_UNAUTHENTICATED, CLOSE_VERSION])
async def test_what_only_a_person_can_mend_is_not_hammered(
    home: Home, gateway: Gateway, spool: Spool, code: int
) -> None:
    gateway.refuse = (code, "no")
    assert min(await naps_after(gateway, home, spool, 2)) >= 30


async def test_a_gateway_that_is_away_is_dialled_with_a_growing_pause(
    home: Home, gateway: Gateway, spool: Spool
) -> None:
    naps = await naps_after(gateway, home, spool, 6, url="ws://127.0.0.1:1")
    assert naps == [0.2, 0.4, 0.8, 1.5, 1.5, 1.5]


async def test_a_gateway_that_welcomes_and_breaks_the_wire_is_not_hammered(
    home: Home, gateway: Gateway, spool: Spool
) -> None:
    gateway.instead_of_answer = b"nonsense"
    assert await naps_after(gateway, home, spool, 4) == [0.2, 0.4, 0.8, 1.5]


async def test_an_address_that_is_none_is_shown_and_not_a_crash(home: Home, gateway: Gateway, spool: Spool) -> None:
    naps = Naps()
    async with connected(gateway, home, spool, naps.sleep, "http://nowhere"), asyncio.timeout(5):
        await naps.enough.wait()


async def test_no_more_than_a_window_is_on_its_way(home: Home, gateway: Gateway, spool: Spool) -> None:
    total = WINDOW_FRAMES + 100
    fill(spool, total)
    gateway.acking = False
    async with connected(gateway, home, spool) as connection:
        await gateway.until(lambda: len(gateway.frames()) == WINDOW_FRAMES)
        pings = len(gateway.pings)
        await gateway.until(lambda: len(gateway.pings) > pings)  # what was sent before this ping would be here
        assert len(gateway.frames()) == WINDOW_FRAMES
        gateway.acking = True
        for socket in list(gateway.sockets):
            await socket.close(1012)
        await gateway.until(lambda: len(gateway.frames()) == total)
        assert connection.link.state == status.CONNECTED
    assert gateway.repeated == []
    assert [frame.waiting for frame in gateway.frames()] == list(range(total))


async def test_a_frame_that_cannot_be_stored_is_set_aside_and_those_behind_it_arrive(
    home: Home, gateway: Gateway, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    fill(spool, 5)
    gateway.cannot_store = {3}
    async with connected(gateway, home, spool):
        await gateway.until(lambda: gateway.acked(spool.boot) == 5)

    assert sorted(gateway.bodies[spool.boot]) == [1, 2, 4, 5]
    assert len(gateway.hellos) == FRAME_REFUSALS + 1
    assert spool.dropped == 1
    assert [path.name for path in (home.spool / "refused").iterdir()] == [f"{spool.boot}.000000000003"]
    assert sum("set aside" in record.message for record in caplog.records) == 1


async def test_a_frame_that_was_refused_twice_and_then_stored_is_not_lost(
    home: Home, gateway: Gateway, spool: Spool
) -> None:
    fill(spool, 3)
    gateway.cannot_store = {2}
    async with connected(gateway, home, spool):
        await gateway.until(lambda: len(gateway.hellos) == FRAME_REFUSALS)
        gateway.cannot_store = set()
        await gateway.until(lambda: gateway.acked(spool.boot) == 3)

    assert sorted(gateway.bodies[spool.boot]) == [1, 2, 3]
    assert spool.dropped == 0
