"""A program that runs once answers, or says why it did not."""

import asyncio
from pathlib import Path

import pytest

from config.supervisor.errors import StepFailed
from config.supervisor.launch import Command
from config.supervisor.processes import in_session
from config.supervisor.steps import run_step


def shell(script: str) -> Command:
    return Command(("/bin/sh", "-c", script))


async def test_its_answer_is_what_it_wrote_to_standard_output(tmp_path: Path) -> None:
    assert await run_step("step", shell("echo noise >&2; echo answer"), tmp_path) == "answer\n"
    assert (tmp_path / "step.log").read_text() == "noise\n"


async def test_its_last_words_are_in_the_failure(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=rf"step failed: the reason, see {tmp_path}/step\.log"):
        await run_step("step", shell("echo Traceback >&2; echo the reason >&2; exit 3"), tmp_path)


async def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="took longer than 0 s"):
        await run_step("step", shell("sleep 60"), tmp_path, timeout_s=0.1)


async def test_being_cancelled_ends_it_with_all_it_started(tmp_path: Path) -> None:
    step = asyncio.create_task(run_step("step", shell("echo $$ >&2; sleep 61 & sleep 62"), tmp_path))
    log = tmp_path / "step.log"
    async with asyncio.timeout(10):
        while not (log.exists() and log.read_text().strip()):  # noqa: ASYNC110  (another process writes it)
            await asyncio.sleep(0.01)
    session = int(log.read_text())
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step

    assert list(in_session(session)) == []


async def test_being_cancelled_while_it_starts_leaves_nothing_either(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    for _attempt in range(20):
        step = asyncio.create_task(run_step("step", shell("echo $$ >&2; sleep 61 & sleep 62"), tmp_path))
        await asyncio.sleep(0)  # the step runs up to its first wait, which is the start
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step

    sessions = {int(line) for line in log.read_text().split()}
    assert [pid for session in sessions for pid in in_session(session)] == []
