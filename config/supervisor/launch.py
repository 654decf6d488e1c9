"""Starts processes that never outlive their supervisor."""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from config.supervisor.account import Account
from config.supervisor.processes import kill_session

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True)
class Command:
    """What to start, as whom, and which signals end it.

    Attributes:
        env: the whole environment; None inherits ours.
        stop_signal: asks for an orderly end.
        death_signal: sent by the kernel when the supervisor dies, however it dies.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    cwd: Path = Path("/")
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = field(default=signal.SIGKILL)


def start(command: Command, output: IO[bytes] | int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    """Start a command in a session of its own, tied to the life of this process."""
    return subprocess.Popen(  # noqa: S603  (our own commands)
        command.argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=command.env,
        cwd=command.cwd,
        start_new_session=True,
        preexec_fn=_tie(command, os.getpid()),
    )


async def start_async(
    command: Command, output: IO[bytes] | int, errors: IO[bytes] | int = subprocess.STDOUT
) -> asyncio.subprocess.Process:
    """Do what `start` does, for a caller that awaits the end and may want the errors apart.

    Being cancelled in the middle ends the new process with all it started by then.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=command.env,
            cwd=command.cwd,
            start_new_session=True,
            preexec_fn=_tie(command, os.getpid()),
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        process = await starting
        kill_session(process.pid)
        await process.wait()
        raise


def _tie(command: Command, supervisor: int) -> Callable[[], None]:
    """Return what the child does between fork and exec."""

    def tie() -> None:
        if command.account is not None:
            command.account.become()
        # A change of user clears the death signal, so it is set after it.
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(command.death_signal), 0, 0, 0)
        if os.getppid() != supervisor:  # it died between the fork and the line above
            os._exit(1)

    return tie
