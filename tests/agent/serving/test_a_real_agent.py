"""The agent as a process: killed in the middle of a download, asked how it is, told where its data is."""

import asyncio
import json
from pathlib import Path

import psutil
import pytest

from agent.cli import main
from agent.home import Home
from muster.wire.messages import Frame
from muster.wire.targets import ReportState
from tests.agent.conftest import Start
from tests.agent.gateway import Gateway
from tests.agent.serving.published import component, placed, target

VISION = component("digits", "vision")


async def test_killed_in_the_middle_of_a_download_it_resumes_and_serves(
    home: Home, gateway: Gateway, node: str, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    name = VISION.shard.artifact_sha256
    gateway.artifacts.files = {name: VISION.data}
    gateway.artifacts.bytes_per_s = 40_000
    gateway.target = gateway.signed(target(node, 1, placed("digits", VISION)))
    process = await start(home)
    await gateway.reported(lambda report: any(shard.have_bytes > 10_000 for shard in report.shards))
    process.kill()
    await process.wait()
    have_bytes = (home.artifacts / f"{name}.part").stat().st_size
    assert 10_000 < have_bytes < len(VISION.data)
    assert not (home.artifacts / name).exists()

    gateway.artifacts.bytes_per_s = None
    process = await start(home)
    report = await gateway.reported(lambda report: report.state == ReportState.ACTIVE, timeout_s=30)
    assert [shard.weights_sha256 for shard in report.running] == [VISION.shard.weights_sha256]
    assert gateway.artifacts.asked == [(name, 0), (name, have_bytes)]

    def has_answered(frame: Frame) -> bool:
        return any(one.shard == VISION.shard.key and one.requests and one.local for one in frame.inferences)

    await gateway.until(lambda: any(map(has_answered, gateway.frames())))
    document = await _status(home, capsys)
    assert document["serving"]["serving"] == [1, 1]
    (shard,) = document["serving"]["shards"]
    assert (shard["component"], shard["state"], shard["local"]) == ("vision", "serving", True)
    main(["status", "--home", str(home.path)])
    assert "target     1.1: active" in (text := capsys.readouterr().out)
    assert "shard      digits 1 vision/" in text
    assert "on own data" in text

    worker = psutil.Process(document["serving"]["worker_pid"])
    assert worker.nice() > 0
    process.kill()
    await process.wait()
    await asyncio.to_thread(worker.wait, 5)  # the kernel ends it with the agent


async def _status(home: Home, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the status once it tells of a shard that answered."""
    async with asyncio.timeout(8):
        while True:
            main(["status", "--json", "--home", str(home.path)])
            document = json.loads(capsys.readouterr().out)
            if any(shard["mean_us"] is not None for shard in document["serving"]["shards"]):
                return document
            await asyncio.sleep(0.1)


def test_a_data_folder_of_run_that_is_none_is_refused(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--data", str(Path("/nowhere")), "--home", str(home.path)]) == 2
    assert "--data" in capsys.readouterr().err
