"""One thread on real parts: three devices enrol by the copied command, stream, are watched, and lose nothing."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import launched
from tests.e2e.product import Device, Product, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(420)]

OFFLINE_LIMIT_S = 10
RETURN_LIMIT_S = 5


@pytest.fixture(scope="module")
def devices(product: Product, device_environment: Path, short_folder: Path) -> Iterator[list[Device]]:
    """Three devices, each enrolled with the command that a token hands out."""
    product.manage("create_site", "north", "--name", "North")
    wanted = [("term-1", "terminal"), ("term-2", "terminal"), ("edge-1", "edge")]
    devices = []
    for name, tier in wanted:
        token = json.loads(
            product.manage("create_token", "--site", "north", "--tier", tier, "--auto-approve", "--json")
        )
        device = Device(name, device_environment, short_folder / f"home-{name}")
        done = device.shell(f"{token['command']} --name {name}")
        assert done.returncode == 0, done.stdout + done.stderr
        devices.append(device)
    for device in devices:
        device.run()
    yield devices
    for device in devices:
        device.stop()


@pytest.fixture(scope="module")
def page(product: Product) -> Iterator[Page]:
    """A signed-in operator's browser."""
    account = json.loads(product.manage("create_user", "watcher", "--grant", "north=operator", "--json"))
    with launched() as browser:
        page = browser.new_page()
        page.goto(f"{product.url}/sign-in")
        page.get_by_label("Username").fill(account["username"])
        page.get_by_label("Password").fill(account["password"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        yield page


def node_of(product: Product, device: Device) -> tuple[int, str]:
    [(key, uid)] = product.rows("SELECT key, uid::text FROM registry_node WHERE name = %s", device.name)
    return key, uid


def stored(product: Product, device: Device) -> int:
    key, _ = node_of(product, device)
    [(count,)] = product.rows("SELECT count(*) FROM telemetry_sample WHERE node = %s", key)
    return count


def test_the_copied_command_needs_neither_django_nor_torch(devices: list[Device]) -> None:
    listed = devices[0].shell("python -m pip list --format json").stdout
    names = {package["name"].lower() for package in json.loads(listed)}

    assert "muster-agent" in names
    assert not names & {"django", "torch", "celery", "channels"}


def test_samples_arrive_in_postgresql_and_move_on_the_page(product: Product, devices: list[Device], page: Page) -> None:
    for device in devices:
        wait_until(lambda device=device: stored(product, device) >= 3, seconds=20, what=f"samples of {device.name}")
    _, uid = node_of(product, devices[0])
    page.goto(f"{product.url}/nodes/{uid}/")
    plot = page.locator("[data-chart] .main-svg").first
    expect(plot).to_be_visible()

    seen: set[float] = set()
    deadline = time.monotonic() + 20
    while len(seen) < 5 and time.monotonic() < deadline:
        newest = page.evaluate(NEWEST_POINT_AGE_JS)
        if newest is not None:
            seen.add(newest["at"])
        page.wait_for_timeout(200)

    assert len(seen) >= 5, "the chart must gain points by itself"


NEWEST_POINT_AGE_JS = """() => {
  const plot = document.querySelector('[data-chart].js-plotly-plot, [data-chart] .js-plotly-plot');
  if (!plot || !plot.data || !plot.data.length || !plot.data[0].x.length) return null;
  const x = plot.data[0].x;
  return {at: Date.parse(x[x.length - 1])};
}"""


def test_a_frozen_device_is_offline_within_ten_seconds_and_healthy_within_five_of_its_return(
    product: Product, devices: list[Device], page: Page
) -> None:
    frozen = devices[1]
    _, uid = node_of(product, frozen)
    page.goto(f"{product.url}/nodes/{uid}/")
    pill = page.locator("h1 .pill")
    expect(pill).not_to_contain_text("Offline", timeout=10_000)

    os.kill(frozen.process.pid, signal.SIGSTOP)
    expect(pill).to_contain_text("Offline", timeout=OFFLINE_LIMIT_S * 1000)
    os.kill(frozen.process.pid, signal.SIGCONT)
    expect(pill).not_to_contain_text("Offline", timeout=RETURN_LIMIT_S * 1000)


def test_a_killed_gateway_loses_no_acknowledged_sample(product: Product, devices: list[Device]) -> None:
    before = {device.name: stored(product, device) for device in devices}
    for process in product.processes("config.gateway:application"):
        os.kill(process, signal.SIGKILL)
    for device in devices:
        wait_until(
            lambda device=device: stored(product, device) > before[device.name] + 3,
            seconds=30,
            what=f"{device.name} stored again",
        )

    for device in devices:
        key, _ = node_of(product, device)
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
            assert {count for _, count in sequences} == {1}, f"{device.name}: a frame is stored twice"


def test_a_one_use_token_used_by_twelve_devices_at_once_lets_one_in(
    product: Product, device_environment: Path, short_folder: Path, devices: list[Device]
) -> None:
    token = json.loads(product.manage("create_token", "--site", "north", "--tier", "terminal", "--json"))
    enrol = token["command"].split("&&", 1)[1]
    attempts = []
    for number in range(12):
        device = Device(f"race-{number}", device_environment, short_folder / f"race-{secrets.token_hex(3)}")
        attempts.append(
            subprocess.Popen(
                f"{enrol} --name race-{number}",
                shell=True,
                env=device.variables,
                cwd=device_environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
    codes = [attempt.wait(60) for attempt in attempts]

    assert codes.count(0) == 1
    assert product.rows("SELECT uses FROM trust_enrolmenttoken WHERE id = %s", token["id"]) == [(1,)]
