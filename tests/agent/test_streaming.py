"""A running agent streams, survives every way of losing the gateway, and ends when told."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent import status, store
from agent.errors import AlreadyRunning
from agent.home import Home
from agent.status import Status
from muster.wire.messages import CLOSE_NOT_ACTIVE, CLOSE_SUPERSEDED, LONGEST_INTERVAL_MS
from tests.agent.conftest import Start, enrolment_at
from tests.agent.gateway import Gateway
from tests.agent.proxy import Proxy


async def stop(process: Process) -> str:
    """End the agent as an operator does and return its log."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(2):
        _, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    return log.decode()


async def status_where(home: Home, condition: Callable[[Status], bool], timeout_s: float = 8.0) -> Status:
    """Return the first status that the running agent writes and that meets the condition."""
    async with asyncio.timeout(timeout_s):
        while True:
            current = status.read(home)
            if current and condition(current):
                return current
            await asyncio.sleep(0.05)


async def status_that(home: Home, word: str, timeout_s: float = 8.0) -> Status:
    """Return the first status whose state is `word` or whose message holds it."""
    return await status_where(home, lambda now: now.link.state == word or word in now.link.message, timeout_s)


async def test_samples_arrive_in_order_with_true_figures(home: Home, gateway: Gateway, start: Start) -> None:
    process = await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 12)
    await stop(process)
    frames = gateway.frames()
    samples = [sample for frame in frames for sample in frame.samples]
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert all(0 <= sample.cpu <= 1 and sample.memory_used_bytes > 0 for sample in samples)
    assert samples[-1].rtt_us is not None
    assert 0 < samples[-1].rtt_us < 1_000_000
    assert gateway.repeated == []


async def test_the_servers_clock_is_applied_before_a_sample_is_numbered(
    home: Home, gateway: Gateway, start: Start
) -> None:
    gateway.ahead_us = 3_600_000_000
    await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 5)
    assert abs(gateway.frames()[-1].samples[0].at - gateway.now_us()) < 1_000_000


async def test_what_was_measured_while_the_gateway_was_away_arrives(home: Home, gateway: Gateway, start: Start) -> None:
    lost = Gateway(key=gateway.key, device_key=gateway.device_key)
    async with lost.listen():
        port = lost.port
        store.save(home, enrolment_at(gateway, lost.url))
        process = await start(home)
        await lost.until(lambda: len(lost.frames()) >= 3)
    await status_that(home, "cannot be reached")
    await asyncio.sleep(1)
    returned = Gateway(key=gateway.key, device_key=gateway.device_key, bodies=lost.bodies)
    async with returned.listen(port):
        before = len(returned.frames())
        await returned.until(lambda: len(returned.frames()) >= before + 12, timeout_s=5)
        await stop(process)
    seqs = [frame.seq for frame in returned.frames()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert returned.repeated == []


async def test_an_unacknowledged_frame_is_sent_again_as_the_same_bytes(
    home: Home, gateway: Gateway, start: Start
) -> None:
    gateway.acking = False
    await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 5)
    sent = {boot: dict(bodies) for boot, bodies in gateway.bodies.items()}
    gateway.bodies.clear()
    gateway.acking = True
    for socket in list(gateway.sockets):
        await socket.close(1012)
    (boot,) = sent
    await gateway.until(lambda: len(gateway.bodies[boot]) > len(sent[boot]))
    assert {seq: gateway.bodies[boot][seq] for seq in sent[boot]} == sent[boot]


async def test_a_killed_agents_frames_arrive_with_the_next_boot(home: Home, gateway: Gateway, start: Start) -> None:
    gateway.acking = False
    process = await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 5)
    process.kill()
    await process.wait()
    (first_boot,) = gateway.bodies
    sent = dict(gateway.bodies[first_boot])
    gateway.bodies.clear()
    gateway.acking = True
    process = await start(home)
    await gateway.until(lambda: len(gateway.bodies) == 2 and len(gateway.bodies[first_boot]) >= len(sent))
    assert {seq: gateway.bodies[first_boot][seq] for seq in sent} == sent
    assert {stream.boot for stream in gateway.hellos[-1].streams} == set(gateway.bodies)
    await stop(process)
    assert len(list(home.spool.glob(f"{first_boot}.*"))) == 0


async def test_behind_a_black_hole_it_lets_go_and_returns_in_time(home: Home, gateway: Gateway, start: Start) -> None:
    async with Proxy(gateway.port).listen() as proxy:
        store.save(home, enrolment_at(gateway, f"ws://127.0.0.1:{proxy.port}"))
        await start(home)
        await gateway.until(lambda: len(gateway.frames()) >= 3)
        proxy.swallowing = True
        await status_that(home, "nothing came from the gateway", timeout_s=6)
        await status_that(home, "did not answer within", timeout_s=8)
        proxy.swallowing = False
        before = len(gateway.frames())
        await gateway.until(lambda: len(gateway.frames()) > before, timeout_s=5)
        await gateway.until(lambda: len(gateway.frames()) > before + 60)
    seqs = [frame.seq for frame in gateway.frames()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert gateway.repeated == []


async def test_a_frozen_agent_leaves_a_gap_and_makes_nothing_up(home: Home, gateway: Gateway, start: Start) -> None:
    process = await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 5)
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(2.5)
    before = len(gateway.frames())
    process.send_signal(signal.SIGCONT)
    resumed_us = gateway.now_us()
    await gateway.until(lambda: len(gateway.frames()) >= before + 5, timeout_s=5)
    times = [frame.samples[0].at for frame in gateway.frames()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) > 2_300_000
    assert sum(1 for at in times if at < resumed_us) <= before + 1
    since = [at - resumed_us for at in times if at >= resumed_us]
    assert len(since) <= since[-1] / (gateway.interval_ms * 1_000) + 2  # no burst: the grid, and the reading on waking
    assert process.returncode is None


@pytest.mark.parametrize(
    "bytes_sent", [b"\xff\xff\xff", b"\x91" * 5000, "text"], ids=["no message", "nested deeply", "text frame"]
)
async def test_bytes_that_break_the_wire_close_the_socket_and_not_the_agent(
    home: Home, gateway: Gateway, start: Start, bytes_sent: bytes | str
) -> None:
    gateway.instead_of_answer = bytes_sent
    process = await start(home)
    await gateway.until(lambda: len(gateway.hellos) >= 2)
    gateway.instead_of_answer = None
    await gateway.until(lambda: len(gateway.frames()) >= 5)
    log = await stop(process)
    assert "the gateway" in log
    assert "Traceback" not in log


async def test_a_gateway_without_the_pinned_key_gets_no_sample(home: Home, gateway: Gateway, start: Start) -> None:
    gateway.key = Ed25519PrivateKey.generate()
    await start(home)
    current = await status_that(home, "not the server of this enrolment")
    assert current.link.state == status.CONNECTING
    assert gateway.frames() == []


async def test_a_node_that_is_not_active_waits_and_begins_once_it_is(
    home: Home, gateway: Gateway, start: Start
) -> None:
    gateway.refuse = (CLOSE_NOT_ACTIVE, "this node waits for approval")
    await start(home)
    current = await status_that(home, status.WAITING)
    assert "waits for approval" in current.link.message
    gateway.refuse = None
    await gateway.until(lambda: len(gateway.frames()) >= 3, timeout_s=5)
    assert gateway.frames()[0].seq == 1


async def test_a_second_agent_with_this_identity_is_named(home: Home, gateway: Gateway, start: Start) -> None:
    gateway.refuse = (CLOSE_SUPERSEDED, "a newer connection took over")
    await start(home)
    current = await status_that(home, "another agent uses this identity")
    assert current.link.state == status.REFUSED


async def test_what_is_not_acknowledged_stays_in_the_spool(home: Home, gateway: Gateway, start: Start) -> None:
    gateway.acking, gateway.interval_ms = False, 50
    await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 20)
    current = await status_where(home, lambda now: now.waiting_frames >= 20)
    assert current.link.state == status.CONNECTED
    assert current.link.last_ack_us is None


async def test_two_agents_never_share_a_home(home: Home, gateway: Gateway, start: Start) -> None:
    await start(home)
    await gateway.until(lambda: len(gateway.hellos) == 1)
    second = await start(home)
    _, log = await second.communicate()
    assert second.returncode == AlreadyRunning.exit_code
    assert str(home.path) in log.decode()


async def test_it_ends_within_two_seconds_also_while_the_gateway_is_a_black_hole(
    home: Home, gateway: Gateway, start: Start
) -> None:
    async with Proxy(gateway.port).listen() as proxy:
        store.save(home, enrolment_at(gateway, f"ws://127.0.0.1:{proxy.port}"))
        process = await start(home)
        await gateway.until(lambda: len(gateway.frames()) >= 3)
        proxy.swallowing = True
        begun = time.monotonic()
        await stop(process)
    assert time.monotonic() - begun < 2
    current = msgspec.json.decode(home.status.read_bytes(), type=Status)
    assert current.link.state == status.STOPPED


async def test_a_device_that_reads_once_an_hour_keeps_its_socket_audible(
    home: Home, gateway: Gateway, start: Start
) -> None:
    gateway.interval_ms = LONGEST_INTERVAL_MS
    process = await start(home)
    await status_where(home, lambda now: now.sample_interval_ms == LONGEST_INTERVAL_MS)
    frames = len(gateway.frames())
    pings = len(gateway.pings)
    await gateway.until(lambda: len(gateway.pings) >= pings + 4)
    await stop(process)
    assert len(gateway.frames()) <= frames + 1
    assert len(gateway.hellos) == 1
