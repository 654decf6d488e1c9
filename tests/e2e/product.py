"""The real product: supervisor, servers, web, gateway, pulse, workers, and devices in environments of their own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.env import EMBEDDED_ENV, read_env_file

ROOT = Path(__file__).resolve().parent.parent.parent
START_LIMIT_S = 120


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> float:
    """Return the seconds until `condition` held; fail by name when it did not."""
    began = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def free_port_pair() -> int:
    """Return a port that is free together with the next one: web and gateway."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the test servers' settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MUSTER_", "PYTEST_", "DJANGO_"))}


@dataclass
class Product:
    """A running `manage.py up`."""

    var: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment() | {"MUSTER_DATA_DIR": str(self.var)}

    @property
    def log(self) -> str:
        return (self.var / "up.log").read_text(errors="replace")

    def manage(self, *arguments: str) -> str:
        """Run a command as an operator would in a second terminal."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def rows(self, query: str, *values: object) -> list[tuple]:
        url = read_env_file(self.var / EMBEDDED_ENV)["MUSTER_DATABASE_URL"]
        with psycopg.connect(url) as connection:
            return connection.execute(query, values).fetchall()

    def node_of(self, device: "Device") -> tuple[int, str]:
        """Return a device's node: its key and its public id."""
        [(key, uid)] = self.rows("SELECT key, uid::text FROM registry_node WHERE name = %s", device.name)
        return key, uid

    def stored(self, device: "Device") -> int:
        """Return how many readings of a device are stored."""
        [(count,)] = self.rows("SELECT count(*) FROM telemetry_sample WHERE node = %s", self.node_of(device)[0])
        return count

    def processes(self, needle: str) -> list[int]:
        """Return the process ids of this product whose command line holds `needle`."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if needle in command and f"MUSTER_DATA_DIR={self.var}" in environment:
                found.append(int(entry.name))
        return found


def start_product(var: Path, port: int, *arguments: str, **variables: str) -> Product:
    """Start `manage.py up`, with further environment variables, and wait until it says that everything runs."""
    with (var / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--host", "127.0.0.1", "--port", str(port), *arguments],
            cwd=ROOT,
            env=clean_environment() | {"MUSTER_DATA_DIR": str(var)} | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    product = Product(var, port, process)
    wait_until(
        lambda: process.poll() is not None or re.search(r"http://127\.0\.0\.1:\d+", product.log),
        seconds=START_LIMIT_S,
        what="manage.py up",
    )
    assert process.poll() is None, product.log
    return product


def stop_product(product: Product) -> None:
    if product.process.poll() is None:
        product.process.send_signal(signal.SIGINT)
        product.process.wait(20)


@dataclass
class Device:
    """A device of its own: an environment outside the checkout, a home, and the agent as a process."""

    name: str
    environment: Path
    home: Path
    process: subprocess.Popen[bytes] | None = None

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type `command` on the device."""
        return subprocess.run(
            command, shell=True, cwd=self.environment, env=self.variables, capture_output=True, text=True, timeout=240
        )

    @property
    def variables(self) -> dict[str, str]:
        path = f"{self.environment / 'bin'}:{os.environ['PATH']}"
        return clean_environment() | {"PATH": path, "MUSTER_AGENT_HOME": str(self.home)}

    def run(self) -> None:
        with (self.home.parent / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.environment / "bin" / "muster-agent", "run"],
                cwd=self.environment,
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def acknowledged(self) -> dict[str, int]:
        """Return, for each boot, the last sequence that this device knows to be stored."""
        return json.loads((self.home / "spool" / "acked.json").read_text())

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(10)


def assert_each_acknowledged_frame_is_stored_once(product: Product, device: Device) -> None:
    """Compare what a device believes to be stored with what is: no gap, nothing twice."""
    key, _ = product.node_of(device)
    for boot, acked in device.acknowledged.items():
        sequences = product.rows(
            "SELECT s.seq, count(*) FROM telemetry_sample s JOIN telemetry_stream t ON t.id = s.stream "
            "WHERE t.node_id = %s AND t.boot = %s AND s.seq <= %s GROUP BY s.seq ORDER BY s.seq",
            key,
            boot,
            acked,
        )
        assert [seq for seq, _ in sequences] == list(range(1, acked + 1)), (
            f"{device.name}: an acknowledged frame is gone"
        )
        assert {count for _, count in sequences} <= {1}, f"{device.name}: a frame is stored twice"
