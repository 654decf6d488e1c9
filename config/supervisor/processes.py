"""Looks at processes by number: who they are, and how to end them with all they started."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
START_TIME_FIELD = 19  # of /proc/<pid>/stat behind the command's closing bracket; counted in ticks since the boot
POLL_S = 0.005
KILL_TIMEOUT_S = 1.0  # only a process that waits for a broken disk takes longer


@dataclass(frozen=True)
class Identity:
    """A process beyond its number, which the kernel gives to another one later."""

    pid: int
    started_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """Return who has this number now, or None."""
        try:
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            boot_id = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if fields[0] == "Z":
            return None
        return cls(pid, int(fields[START_TIME_FIELD]), boot_id)

    @property
    def alive(self) -> bool:
        """Say whether the number still belongs to the same process."""
        return Identity.of(self.pid) == self


def in_session(session: int) -> Iterator[int]:
    """Yield the processes of a session: its leader, and whatever the leader started that did not leave it."""
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            member = os.getsid(pid) == session
        except (ProcessLookupError, PermissionError):
            continue
        if member and Identity.of(pid) is not None:
            yield pid


def signal_one(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill_session(session: int) -> None:
    """Kill every process of a session, and return when the kernel has taken them away."""
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while (members := list(in_session(session))) and time.monotonic() < deadline:
        for pid in members:
            signal_one(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def wait_gone(identity: Identity, timeout_s: float) -> bool:
    """Wait for a process that is not our child; say whether it ended in time."""
    deadline = time.monotonic() + timeout_s
    while identity.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
