import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from django.db import OperationalError, connection

from fleet.registry.models import NodeReport, RunningShard
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.newest import Newest
from muster.clock import now_us
from muster.wire import messages
from muster.wire.messages import Ack, HeldShard, Report
from muster.wire.messages import RunningShard as Running
from muster.wire.targets import MAX_SHARDS, Reason, ReportState, ShardState
from tests.fleet.telemetry.devices import Device, Door, Line, frame, report

Attack = Callable[[Device, Device], list[Report]]


async def until(line: Line, stored: Callable[[], bool]) -> None:
    """Wait until the gateway has stored something; each turn is a round trip."""

    def look() -> bool:
        try:
            return stored()
        finally:
            connection.close()  # the thread keeps none

    async with asyncio.timeout(10):
        while not await asyncio.to_thread(look):
            await line.say(messages.Ping(1))
            await line.hear()


def test_a_signed_report_is_stored(gateway: Door, device: Device) -> None:
    said = report(
        device,
        7,
        generation=(1, 42),
        serving=(1, 41),
        state=ReportState.DOWNLOADING,
        shards=[HeldShard(17, ShardState.DOWNLOADING, 20_480)],
        running=[Running(18, "c" * 64, now_us())],
    )

    async def talk() -> None:
        async with gateway.enter(device) as line:
            await line.say(said)
            await until(line, NodeReport.objects.filter(number=7).exists)

    asyncio.run(talk())
    row = NodeReport.objects.get(node=device.node)
    assert (row.release_epoch, row.counter, row.state, str(row.boot)) == (1, 42, "downloading", device.boot)
    assert RunningShard.objects.values_list("shard", "weights_sha256").get(node=device.node) == (18, "c" * 64)
    health = httpx.get(f"{gateway.http}/healthz").json()
    assert (health["queued_reports"], health["lost_reports"]) == (0, 0)


def test_the_longest_report_is_taken(gateway: Door, device: Device) -> None:
    shards = [HeldShard(key, ShardState.SERVING, 2**53) for key in range(MAX_SHARDS)]
    running = [Running(key, "d" * 64, now_us()) for key in range(MAX_SHARDS)]
    said = report(device, shards=shards, running=running, detail="閘" * 300, reason=Reason.DISK_FULL)

    async def talk() -> None:
        async with gateway.enter(device) as line:
            await line.say(said)
            await until(line, NodeReport.objects.filter(node=device.node).exists)

    asyncio.run(talk())
    assert NodeReport.objects.get(node=device.node).detail == "閘" * 300


def forged(own: Device, other: Device) -> list[Report]:
    return [msgspec.structs.replace(report(own), state=ReportState.ACTIVE)]


ATTACKS: dict[str, tuple[int, Attack]] = {
    "changed behind its signature": (messages.CLOSE_UNAUTHENTICATED, forged),
    "signed by another node": (
        messages.CLOSE_UNAUTHENTICATED,
        lambda own, other: [report(other, node=str(own.node.uid), boot=own.boot)],
    ),
    "of another node": (messages.CLOSE_MALFORMED, lambda own, other: [report(other, boot=own.boot)]),
    "for another node": (messages.CLOSE_MALFORMED, lambda own, other: [report(own, node=str(other.node.uid))]),
    "replayed from an older boot": (
        messages.CLOSE_MALFORMED,
        lambda own, other: [report(own, boot=str(uuid.uuid4()))],
    ),
    "replayed": (messages.CLOSE_MALFORMED, lambda own, other: [report(own, 5), report(own, 5)]),
    "falling": (messages.CLOSE_MALFORMED, lambda own, other: [report(own, 5), report(own, 4)]),
    "out of bounds": (messages.CLOSE_MALFORMED, lambda own, other: [report(own, 0)]),
    "too many shards": (
        messages.CLOSE_MALFORMED,
        lambda own, other: [report(own, shards=[HeldShard(1, ShardState.HELD, 1)] * (MAX_SHARDS + 1))],
    ),
    "huge": (messages.CLOSE_TOO_LARGE, lambda own, other: [report(own, detail="x" * (messages.MAX_MESSAGE_BYTES))]),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_report_that_is_not_this_nodes_next_one_ends_its_socket(
    gateway: Door, make_device: Callable[..., Device], name: str
) -> None:
    own, other = make_device(), make_device()
    code, attack = ATTACKS[name]

    async def talk() -> tuple[int, list[Any]]:
        async with gateway.enter(own) as line:
            for said in attack(own, other):
                await line.say(said)
            return await line.hear_end()

    ended, heard = asyncio.run(talk())
    assert ended == code
    assert (heard[-1].code, bool(heard[-1].reason)) == (code, True)
    assert not NodeReport.objects.filter(node=other.node).exists()
    assert not NodeReport.objects.filter(state=ReportState.ACTIVE).exists()


def test_a_report_of_an_agent_of_wire_1_0_is_malformed(gateway: Door, device: Device) -> None:
    async def talk() -> int:
        async with gateway.enter(device, minors=[0]) as line:
            await line.say(report(device))
            return (await line.hear_end())[0]

    assert asyncio.run(talk()) == messages.CLOSE_MALFORMED


def test_a_socket_is_told_to_come_back_when_too_many_reports_wait(
    gateway: Door, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PENDING_REPORTS", 0)

    async def talk() -> int:
        async with gateway.enter(device) as line:
            await line.say(frame(device.boot, 1))
            assert isinstance(await line.hear(), Ack)
            await line.say(report(device))
            return (await line.hear_end())[0]

    assert asyncio.run(talk()) == messages.CLOSE_SLOW


class Service:
    """Stands where reports are stored; does what it is told to."""

    def __init__(self, act: Callable[[int, Report], None] = lambda node, report: None) -> None:
        self.stored: list[tuple[int, int]] = []
        self.released = 0
        self._act = act
        self._lock = threading.Lock()

    def accept(self, node: int, epoch: int, report: Report) -> None:
        self._act(node, report)
        with self._lock:
            self.stored.append((node, report.number))

    def release(self) -> None:
        with self._lock:
            self.released += 1


@contextlib.asynccontextmanager
async def working(service: Service) -> AsyncIterator[Newest[Report]]:
    reports = Newest("reports", service.accept, service.release)
    task = asyncio.create_task(reports.run())
    try:
        yield reports
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(reports: Newest[Report], count: int) -> None:
    async with asyncio.timeout(10):
        while reports.stored + reports.lost < count:  # noqa: ASYNC110  (the queue tells nobody when it is done)
            await asyncio.sleep(0)


@pytest.fixture
def said(device: Device) -> Callable[[int], Report]:
    return lambda number: report(device, number)


def test_the_newest_report_outlives_an_outage_of_the_database(said: Callable[[int], Report]) -> None:
    away, tried = threading.Event(), threading.Event()
    away.set()

    def act(node: int, report: Report) -> None:
        tried.set()
        if away.is_set():
            raise OperationalError("the database is away")

    service = Service(act)

    async def main() -> None:
        async with working(service) as reports:
            assert reports.put(1, 1, said(1))
            await asyncio.to_thread(tried.wait, 10)
            for number in (2, 3):
                assert reports.put(1, 1, said(number))
            assert len(reports) == 1
            away.clear()
            await settled(reports, 1)

    asyncio.run(main())
    assert service.stored == [(1, 3)]
    assert service.released >= 2  # no connection is kept by a failure


def test_a_report_that_failed_does_not_replace_a_newer_one(said: Callable[[int], Report]) -> None:
    begun, end = threading.Event(), threading.Event()

    def act(node: int, report: Report) -> None:
        if report.number == 1:
            begun.set()
            end.wait(10)
            raise OperationalError("the connection was lost")

    service = Service(act)

    async def main() -> None:
        async with working(service) as reports:
            reports.put(1, 1, said(1))
            await asyncio.to_thread(begun.wait, 10)
            reports.put(1, 1, said(2))
            end.set()
            await settled(reports, 1)

    asyncio.run(main())
    assert service.stored == [(1, 2)]


def test_reports_of_one_node_are_stored_one_after_the_other_those_of_two_nodes_at_once(
    said: Callable[[int], Report],
) -> None:
    both, more = threading.Barrier(3, timeout=10), threading.Event()
    at_work: set[int] = set()

    def act(node: int, report: Report) -> None:
        assert node not in at_work
        at_work.add(node)
        if report.number == 1:
            both.wait()  # passed only while another node's report is being stored
            more.wait(10)
        at_work.discard(node)

    service = Service(act)

    async def main() -> None:
        async with working(service) as reports:
            for node in (1, 2):
                reports.put(node, 1, said(1))
            await asyncio.to_thread(both.wait)
            for node in (1, 2):
                reports.put(node, 1, said(2))
            more.set()
            await settled(reports, 4)
            assert reports.lost == 0

    asyncio.run(main())
    assert sorted(service.stored) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_a_fault_of_the_service_costs_one_report_and_not_the_gateway(said: Callable[[int], Report]) -> None:
    def act(node: int, report: Report) -> None:
        if report.number == 1:
            raise ZeroDivisionError

    service = Service(act)

    async def main() -> Newest[Report]:
        async with working(service) as reports:
            for number in (1, 2):
                reports.put(1, 1, said(number))
                await settled(reports, number)
            return reports

    reports = asyncio.run(main())
    assert (reports.lost, service.stored) == (1, [(1, 2)])


async def test_an_older_connection_does_not_replace_a_newer_ones_report(device: Device) -> None:
    service = Service()
    reports = Newest("reports", service.accept, service.release)
    assert reports.put(1, 2, report(device, 1))
    assert reports.put(1, 1, report(device, 9))
    task = asyncio.create_task(reports.run())
    await settled(reports, 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert service.stored == [(1, 1)]
