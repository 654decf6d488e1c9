"""What this device is, as it detects itself."""

import os
import platform
import socket
from pathlib import Path

import psutil

from agent import accelerators, speedtest
from agent.files import text_or_nothing
from agent.telemetry import battery_share, hottest_c
from muster import __version__
from muster.wire.enrolment import Inventory


def collect(folder: Path) -> Inventory:
    """Return the inventory; `folder` is on the disk that counts.

    Raises:
        OSError: the folder cannot be written.
    """
    return Inventory(
        hostname=socket.gethostname(),
        os=_os(),
        architecture=platform.machine(),
        python=platform.python_version(),
        agent_version=__version__,
        cpu_model=cpu_model(),
        cpu_cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        disk_bytes=psutil.disk_usage(str(folder)).total,
        accelerators=accelerators.detect(),
        has_battery=battery_share() is not None,
        has_temperature=hottest_c() is not None,
        speed=speedtest.measure(folder),
    )


def cpu_model(root: Path = Path("/")) -> str:
    """Return the processor's name: as the kernel lists it, else the board's, else the architecture."""
    for line in text_or_nothing(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    board = text_or_nothing(root / "proc/device-tree/model").strip("\0\n ")
    return board or platform.processor() or platform.machine()


def _os() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return f"{name} ({platform.system()} {platform.release()})" if name else platform.platform()
