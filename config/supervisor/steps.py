"""Programs that run once and answer: prepare, enrol."""

import asyncio
import subprocess
from pathlib import Path

from config.supervisor.errors import StepFailed
from config.supervisor.launch import Command, start_async
from config.supervisor.logs import open_log
from config.supervisor.processes import kill_session

TIMEOUT_S = 300.0  # a first migration on a slow disk


async def run_step(name: str, command: Command, log_dir: Path, *, timeout_s: float = TIMEOUT_S) -> str:
    """Run a command to its end and return what it wrote to standard output; its errors go to its log.

    Being cancelled ends the command too.

    Raises:
        StepFailed: it ended badly or not in time; the message holds its last line.
    """
    with open_log(log_dir, name) as log:
        process = await start_async(command, subprocess.PIPE, errors=log)
    try:
        async with asyncio.timeout(timeout_s):
            answer, _none = await process.communicate()
    except TimeoutError:
        raise StepFailed(f"{name} took longer than {timeout_s:.0f} s, see {log_dir / name}.log") from None
    finally:
        kill_session(process.pid)
        await process.wait()
    if process.returncode != 0:
        raise StepFailed(f"{name} failed: {_last_line(log_dir / f'{name}.log')}, see {log_dir / name}.log")
    return answer.decode()


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")
