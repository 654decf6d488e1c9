"""A gateway that is killed in the middle of an update has lost nothing that it had acknowledged (I1)."""

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings

from fleet.registry.models import Submission
from fleet.registry.services import blobs, submissions
from fleet.telemetry.services.database import conninfo
from fleet.trust.services import server_key
from tests.fleet.telemetry.devices import Device, Door, ask
from tests.fleet.telemetry.test_gateway_takes_updates import TASK, Sender

ROOT = Path(__file__).resolve().parents[3]
DATA = random.Random(3).randbytes(3_000_000)
PIECE_BYTES = 20_000  # so that a kill falls anywhere between and into them


class Process:
    """The gateway as it runs in life, on the test's database."""

    def __init__(self, data_dir: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.door = Door(f"ws://127.0.0.1:{self.port}/node")
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "MUSTER_DATABASE_URL": conninfo("muster-gateway-test"),
            "MUSTER_DATA_DIR": str(self._data_dir),
        }
        command = [sys.executable, "-m", "uvicorn", "config.gateway:application", "--port", str(self.port)]
        command += ["--http", "config.http.protocol:BoundedHttp", "--no-access-log", "--lifespan", "on"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.door.http}/healthz").raise_for_status()
                return
            except httpx.TransportError:
                time.sleep(0.02)  # it is still starting, and tells nobody when it listens
        raise AssertionError("the gateway did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)


@pytest.fixture
def process(tables: None, tmp_path: Path) -> Iterator[Process]:
    with override_settings(MUSTER_DATA_DIR=tmp_path):
        server_key.ensure()
        process = Process(tmp_path)
        yield process
        process.kill()


def until_it_dies(sender: Sender, offset: int, first: threading.Event) -> int:
    """Send pieces until nobody answers; return how much was acknowledged."""
    acknowledged = offset
    while acknowledged < len(sender.data):
        try:
            answer = sender.send(acknowledged, PIECE_BYTES)
        except httpx.TransportError:
            break
        assert answer.status_code == 200
        acknowledged = answer.json()["offset"]
        first.set()
    return acknowledged


def kill_after(process: Process, first: threading.Event, delay_s: float) -> None:
    """Kill the gateway at some moment after its first answer."""
    assert first.wait(30)
    time.sleep(delay_s)
    process.kill()


def test_what_was_acknowledged_before_sigkill_is_all_there_and_the_rest_goes_on(
    process: Process, device: Device, tmp_path: Any
) -> None:
    ask(device, TASK)
    sender = Sender(process.door, device, DATA)
    process.start()
    assert sender.announce().status_code == 200
    offset, chance = 0, random.Random(11)
    for _ in range(2):
        some = threading.Event()
        killer = threading.Thread(target=kill_after, args=[process, some, chance.random() / 5])
        killer.start()
        acknowledged = until_it_dies(sender, offset, some)
        some.set()
        killer.join()
        submission = Submission.objects.get()
        assert acknowledged <= submission.received_bytes <= acknowledged + PIECE_BYTES
        on_disk = submissions.PARTS.path(submission.pk).read_bytes()
        assert on_disk[: submission.received_bytes] == DATA[: submission.received_bytes]
        process.start()
        offset = sender.look().json()["offset"]
        assert offset == submission.received_bytes < len(DATA)
    while offset < len(DATA):
        offset = sender.send(offset).json()["offset"]
    assert sender.look().json()["state"] == "complete"
    assert blobs.store().path(hashlib.sha256(DATA).hexdigest()).read_bytes() == DATA
