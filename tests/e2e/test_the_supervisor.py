"""`manage.py up` with its seven devices: started, disturbed, killed, started again, stopped."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.product import ROOT, Product, free_port_pair, start_product, stop_product, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SECOND_START_LIMIT_S = 20
STOP_LIMIT_S = 10

HEALTHY_SINCE = """
    SELECT count(*) FROM registry_presence WHERE expires_at > now() AND connected_at > %s AND seen_at > %s
"""


@pytest.fixture(scope="module")
def var(short_folder: Path) -> Path:
    folder = short_folder / "supervised"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def product(var: Path) -> Iterator[Product]:
    product = start_product(var, free_port_pair())
    yield product
    stop_product(product)


def healthy_since(product: Product, moment: datetime) -> int:
    [(count,)] = product.rows(HEALTHY_SINCE, moment, moment)
    return count


def everything_of(product: Product) -> list[int]:
    """Return the product's processes; its servers carry the folder in their command, not in their environment."""
    servers = subprocess.run(["pgrep", "-f", f"{product.var}/servers"], capture_output=True, text=True)
    return product.processes("") + [int(pid) for pid in servers.stdout.split()]


def test_seven_devices_become_healthy(product: Product) -> None:
    began = datetime.fromtimestamp(0, UTC)
    wait_until(lambda: healthy_since(product, began) == 7, seconds=30, what="seven healthy devices")

    assert product.rows("SELECT count(*), count(DISTINCT name) FROM registry_node") == [(7, 7)]


def test_the_first_sign_in_is_shown_once(product: Product) -> None:
    assert len(re.findall(r"Sign in as operator with the password \S{20} \(shown this once\)", product.log)) == 1
    for log in (product.var / "log").glob("*.log"):
        assert "password " not in log.read_text(errors="replace"), log


def test_a_second_supervisor_is_told_who_is_there(product: Product) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(product.port)],
        cwd=ROOT,
        env=product.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert second.returncode == 1
    [line] = second.stderr.splitlines()
    assert f"process {product.process.pid}, {product.url}" in line


def test_a_busy_port_is_one_clear_line(product: Product, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(product.port)],
        cwd=ROOT,
        env=product.environment | {"MUSTER_DATA_DIR": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert second.returncode == 1
    assert re.fullmatch(rf"Port {product.port} of 127\.0\.0\.1.*--port N.*\n", second.stderr)


@pytest.mark.parametrize(
    ("name", "needle"),
    [("gateway", "config.gateway"), ("beat", "celery.beat"), ("worker-control", "--queues control"), ("valkey", "")],
)
def test_a_killed_child_is_shown_and_replaced(product: Product, name: str, needle: str) -> None:
    before = datetime.now(UTC)
    running = product.processes(needle) if needle else [valkey_of(product)]
    for pid in running:
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: f"{name} was ended by signal 9, restarting in" in product.log, seconds=5, what="the line")
    wait_until(
        lambda: set(product.processes(needle)) - set(running) if needle else valkey_of(product) not in [0, *running],
        seconds=20,
        what=f"another {name}",
    )
    if name == "gateway":
        wait_until(lambda: healthy_since(product, before) == 7, seconds=20, what="every device back")


def valkey_of(product: Product) -> int:
    found = subprocess.run(["pgrep", "-f", f"valkey-server.*{product.var}/"], capture_output=True, text=True)
    return int(found.stdout.split()[0]) if found.stdout else 0


def test_after_a_kill_of_the_supervisor_another_one_is_healthy_in_time(product: Product) -> None:
    product.process.kill()
    product.process.wait()
    began, moment = time.monotonic(), datetime.now(UTC)
    again = start_product(product.var, product.port)
    product.process = again.process
    wait_until(lambda: healthy_since(product, moment) == 7, seconds=SECOND_START_LIMIT_S, what="seven healthy devices")

    assert time.monotonic() - began < SECOND_START_LIMIT_S
    assert "Sign in as" not in product.log  # the account is there already


def test_an_interrupt_stops_everything_in_time(product: Product) -> None:
    assert everything_of(product)
    began = time.monotonic()
    product.process.send_signal(signal.SIGINT)
    assert product.process.wait(STOP_LIMIT_S) == 0

    assert time.monotonic() - began < STOP_LIMIT_S
    assert everything_of(product) == []
    assert list((product.var / "run").iterdir()) == []


def test_a_second_start_from_the_same_data_is_healthy_in_time(product: Product) -> None:
    began, moment = time.monotonic(), datetime.now(UTC)
    product.process = start_product(product.var, product.port).process
    wait_until(lambda: healthy_since(product, moment) == 7, seconds=SECOND_START_LIMIT_S, what="seven healthy devices")

    assert time.monotonic() - began < SECOND_START_LIMIT_S
    assert product.rows("SELECT count(*) FROM registry_node") == [(7,)]


def test_an_interrupt_in_the_middle_of_a_start_leaves_nothing(product: Product, short_folder: Path) -> None:
    var = short_folder / "interrupted"
    var.mkdir()
    with (var / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(free_port_pair())],
            cwd=ROOT,
            env=product.environment | {"MUSTER_DATA_DIR": str(var)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    interrupted = Product(var, 0, process)
    wait_until(lambda: interrupted.processes("prepare"), seconds=60, what="prepare")
    process.send_signal(signal.SIGINT)

    assert process.wait(STOP_LIMIT_S) == 0
    assert everything_of(interrupted) == []
