"""`muster-agent status` says how the agent is, and when it cannot know."""

import asyncio
import json
import signal

import pytest

from agent import identity, status, store
from agent.cli import main
from agent.errors import HomeUnusable, NotConnected, NotEnrolled, NotRunning
from agent.home import Home
from agent.report import _clock
from muster.canon.signatures import fingerprint, public_bytes
from tests.agent.conftest import Start
from tests.agent.gateway import Gateway


def ask(home: Home, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    code = main(["status", "--json", "--home", str(home.path)])
    return code, json.loads(capsys.readouterr().out)


async def ask_until(home: Home, capsys: pytest.CaptureFixture[str], state: str) -> tuple[int, dict[str, object]]:
    async with asyncio.timeout(8):
        while True:
            code, document = ask(home, capsys)
            if document["state"] == state and document["running"]:
                return code, document
            await asyncio.sleep(0.1)


async def test_a_connected_agent_tells_its_figures(
    home: Home, gateway: Gateway, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    process = await start(home)
    await gateway.until(lambda: len(gateway.frames()) >= 12)
    code, document = await ask_until(home, capsys, status.CONNECTED)
    assert code == 0
    assert document["name"] == "press-1"
    assert document["pid"] == process.pid
    assert document["dropped_frames"] == 0
    assert isinstance(document["rtt_us"], int)
    assert isinstance(document["last_ack_us"], int)
    assert main(["status", "--home", str(home.path)]) == 0
    assert "connected" in capsys.readouterr().out


async def test_the_fingerprint_that_the_operator_compares_is_the_keys(
    home: Home, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    key = identity.load(home)
    assert key is not None
    expected = fingerprint(public_bytes(key))
    _code, document = ask(home, capsys)
    assert document["fingerprint"] == expected
    main(["status", "--home", str(home.path)])
    assert f"key        {expected}\n" in capsys.readouterr().out


async def test_an_agent_without_its_gateway_says_so(
    home: Home, gateway: Gateway, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.refuse = (4403, "this node waits for approval")
    await start(home)
    code, document = await ask_until(home, capsys, status.WAITING)
    assert code == NotConnected.exit_code
    assert "approve" in str(document["message"])


async def test_a_frozen_agents_status_is_called_stale(
    home: Home, gateway: Gateway, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    process = await start(home)
    await ask_until(home, capsys, status.CONNECTED)
    process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(9):
        while not ask(home, capsys)[1]["stale"]:  # noqa: ASYNC110 - only time makes it stale
            await asyncio.sleep(0.2)
    code, document = ask(home, capsys)
    assert code == NotRunning.exit_code
    assert document["age_ms"] > 5_000
    assert main(["status", "--home", str(home.path)]) == NotRunning.exit_code
    assert "s old" in capsys.readouterr().out


async def test_a_killed_agent_is_not_running(
    home: Home, gateway: Gateway, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    process = await start(home)
    await ask_until(home, capsys, status.CONNECTED)
    process.kill()
    await process.wait()
    code, document = ask(home, capsys)
    assert (code, document["running"], document["state"]) == (NotRunning.exit_code, False, status.STOPPED)


@pytest.mark.parametrize("command", ["status", "run"])
def test_a_home_without_an_enrolment_names_the_way(
    home: Home, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "--home", str(home.path)]) == NotEnrolled.exit_code
    error = capsys.readouterr().err
    assert "enrol" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["status", "run"])
def test_a_damaged_enrolment_is_one_line(home: Home, capsys: pytest.CaptureFixture[str], command: str) -> None:
    home.enrolment.write_text('{"server": 1}')
    assert main([command, "--home", str(home.path)]) == HomeUnusable.exit_code
    assert capsys.readouterr().err.count("\n") == 1


async def test_an_enrolment_without_its_key_does_not_run(
    home: Home, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store.load(home).name == "press-1"
    home.identity.unlink()
    assert main(["run", "--home", str(home.path)]) == NotEnrolled.exit_code
    assert "identity.pem" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("offset_us", "words"),
    [(None, "not compared yet"), (1_500, "1.5 ms behind the server's"), (-1_500, "1.5 ms ahead of the server's")],
)
def test_the_clock_is_told_by_its_direction_and_not_before_it_is_known(offset_us: int | None, words: str) -> None:
    assert _clock(offset_us) == words
