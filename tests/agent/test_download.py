"""An artifact comes whole over a line that breaks, lies and ignores what was asked."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.artifacts.download import Downloader
from agent.artifacts.shelf import Shelf
from agent.clock import ServerClock
from agent.faults import Damaged, FetchFailed
from agent.handshake import Credentials
from muster.canon.signatures import public_bytes
from muster.ids import uuid7
from muster.wire.targets import Reason
from tests.agent.artifacts import Artifacts, front

DATA = os.urandom(700_000)
NAME = hashlib.sha256(DATA).hexdigest()
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def artifacts() -> Artifacts:
    return Artifacts(device_key=public_bytes(KEY), files={NAME: DATA})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "artifacts")


@pytest.fixture
async def downloader(artifacts: Artifacts, shelf: Shelf) -> AsyncIterator[Downloader]:
    async with front(artifacts, 0, lambda: 1) as port:
        yield Downloader(f"ws://127.0.0.1:{port}/", Credentials(str(uuid7()), KEY, b""), ServerClock(), shelf)


async def fetch(downloader: Downloader, size_bytes: int = len(DATA)) -> None:
    await downloader.fetch(NAME, size_bytes, lambda: None)


async def test_it_goes_on_where_the_line_broke(artifacts: Artifacts, shelf: Shelf, downloader: Downloader) -> None:
    artifacts.break_after = [300_000, 50_000]
    for have_bytes in (300_000, 350_000):
        with pytest.raises(FetchFailed) as caught:
            await fetch(downloader)
        assert caught.value.reason == Reason.UNREACHABLE
        assert shelf.have_bytes(NAME) == have_bytes
    await fetch(downloader)
    assert artifacts.asked == [(NAME, 0), (NAME, 300_000), (NAME, 350_000)]
    assert shelf.path(NAME).read_bytes() == DATA


async def test_a_server_that_ignores_ranges_restarts_the_file(
    artifacts: Artifacts, shelf: Shelf, downloader: Downloader
) -> None:
    artifacts.break_after = [300_000]
    artifacts.knows_ranges = False
    with pytest.raises(FetchFailed):
        await fetch(downloader)
    await fetch(downloader)
    assert artifacts.asked == [(NAME, 0), (NAME, 300_000)]
    assert shelf.path(NAME).read_bytes() == DATA


async def test_other_bytes_are_thrown_away(artifacts: Artifacts, shelf: Shelf, downloader: Downloader) -> None:
    artifacts.instead = [bytes(len(DATA))]
    with pytest.raises(Damaged) as caught:
        await fetch(downloader)
    assert caught.value.reason == Reason.DOWNLOAD_CORRUPT
    assert shelf.have_bytes(NAME) == 0
    await fetch(downloader)
    assert shelf.holds(NAME, len(DATA))


@pytest.mark.parametrize("knows_ranges", [True, False])
async def test_more_than_was_announced_is_cut_off(
    artifacts: Artifacts, shelf: Shelf, downloader: Downloader, knows_ranges: bool
) -> None:
    artifacts.knows_ranges = knows_ranges
    artifacts.files[NAME] = DATA + os.urandom(40_000_000)
    with pytest.raises(FetchFailed if knows_ranges else Damaged):
        await fetch(downloader)
    assert shelf.have_bytes(NAME) == 0


@pytest.mark.parametrize("status", [401, 404, 416, 503, 302])
async def test_a_refusal_is_named_and_keeps_what_came(
    artifacts: Artifacts, shelf: Shelf, downloader: Downloader, status: int
) -> None:
    artifacts.break_after = [300_000]
    with pytest.raises(FetchFailed):
        await fetch(downloader)
    artifacts.refusal = status
    with pytest.raises(FetchFailed, match=str(status)):
        await fetch(downloader)
    assert shelf.have_bytes(NAME) == (0 if status == 416 else 300_000)


async def test_two_who_want_the_same_artifact_fetch_it_once(
    artifacts: Artifacts, shelf: Shelf, downloader: Downloader
) -> None:
    artifacts.bytes_per_s = 4_000_000
    await asyncio.gather(fetch(downloader), fetch(downloader))
    assert artifacts.asked == [(NAME, 0)]
    assert shelf.path(NAME).read_bytes() == DATA


async def test_nobody_there_is_named(shelf: Shelf) -> None:
    lonely = Downloader("ws://127.0.0.1:1", Credentials(str(uuid7()), KEY, b""), ServerClock(), shelf)
    with pytest.raises(FetchFailed, match="did not come"):
        await fetch(lonely)


async def test_a_cancelled_download_is_continued(artifacts: Artifacts, shelf: Shelf, downloader: Downloader) -> None:
    artifacts.bytes_per_s = 1_000_000
    some = asyncio.Event()
    task = asyncio.create_task(downloader.fetch(NAME, len(DATA), some.set))
    async with asyncio.timeout(5):
        await some.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    have_bytes = shelf.have_bytes(NAME)
    assert 0 < have_bytes < len(DATA)
    artifacts.bytes_per_s = None
    await fetch(downloader)
    assert artifacts.asked[-1] == (NAME, have_bytes)
    assert shelf.holds(NAME, len(DATA))


def test_the_address_is_the_sockets_twin(shelf: Shelf) -> None:
    downloader = Downloader("wss://m.example/gateway/", Credentials("n", KEY, b""), ServerClock(), shelf)
    assert downloader._url(NAME) == f"https://m.example/gateway/artifacts/{NAME}"
