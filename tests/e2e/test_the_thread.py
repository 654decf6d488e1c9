"""One thread on real parts: three devices enrol by the copied command, stream, are watched, and lose nothing."""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Device, Product, assert_each_acknowledged_frame_is_stored_once, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(420)]

OFFLINE_LIMIT_S = 10
RETURN_LIMIT_S = 5


@pytest.fixture(scope="module")
def devices(enrol: Callable[[str, str], Device]) -> list[Device]:
    """Three running devices."""
    devices = [enrol("term-1", "terminal"), enrol("term-2", "terminal"), enrol("edge-1", "edge")]
    for device in devices:
        device.run()
    return devices


def test_the_copied_command_needs_neither_django_nor_torch(devices: list[Device]) -> None:
    listed = devices[0].shell("python -m pip list --format json").stdout
    names = {package["name"].lower() for package in json.loads(listed)}

    assert "muster-agent" in names
    assert not names & {"django", "torch", "celery", "channels"}


def test_samples_arrive_in_postgresql_and_move_on_the_page(
    product: Product, devices: list[Device], watcher: Page
) -> None:
    for device in devices:
        wait_until(lambda device=device: product.stored(device) >= 3, seconds=20, what=f"samples of {device.name}")
    _, uid = product.node_of(devices[0])
    watcher.goto(f"{product.url}/nodes/{uid}/")
    plot = watcher.locator("[data-chart] .main-svg").first
    expect(plot).to_be_visible()

    seen: set[float] = set()
    deadline = time.monotonic() + 20
    while len(seen) < 5 and time.monotonic() < deadline:
        newest = watcher.evaluate(NEWEST_POINT_AGE_JS)
        if newest is not None:
            seen.add(newest["at"])
        watcher.wait_for_timeout(200)

    assert len(seen) >= 5, "the chart must gain points by itself"


NEWEST_POINT_AGE_JS = """() => {
  const plot = document.querySelector('[data-chart].js-plotly-plot, [data-chart] .js-plotly-plot');
  if (!plot || !plot.data || !plot.data.length || !plot.data[0].x.length) return null;
  const x = plot.data[0].x;
  return {at: Date.parse(x[x.length - 1])};
}"""


def test_a_frozen_device_is_offline_within_ten_seconds_and_healthy_within_five_of_its_return(
    product: Product, devices: list[Device], watcher: Page
) -> None:
    frozen = devices[1]
    _, uid = product.node_of(frozen)
    watcher.goto(f"{product.url}/nodes/{uid}/")
    pill = watcher.locator("h1 .pill")
    expect(pill).not_to_contain_text("Offline", timeout=10_000)

    os.kill(frozen.process.pid, signal.SIGSTOP)
    expect(pill).to_contain_text("Offline", timeout=OFFLINE_LIMIT_S * 1000)
    os.kill(frozen.process.pid, signal.SIGCONT)
    expect(pill).not_to_contain_text("Offline", timeout=RETURN_LIMIT_S * 1000)


def test_a_killed_gateway_loses_no_acknowledged_sample(product: Product, devices: list[Device]) -> None:
    before = {device.name: product.stored(device) for device in devices}
    for process in product.processes("config.gateway:application"):
        os.kill(process, signal.SIGKILL)
    for device in devices:
        wait_until(
            lambda device=device: product.stored(device) > before[device.name] + 3,
            seconds=30,
            what=f"{device.name} stored again",
        )

    for device in devices:
        assert_each_acknowledged_frame_is_stored_once(product, device)


def test_a_one_use_token_used_by_twelve_devices_at_once_lets_one_in(
    product: Product, device_environment: Path, short_folder: Path, devices: list[Device]
) -> None:
    token = json.loads(product.manage("create_token", "--site", "north", "--tier", "terminal", "--json"))
    enrol = token["command"].split("&&", 1)[1]
    racing = [
        Device(f"race-{number}", device_environment, short_folder / f"{product.var.name}-race-{number}")
        for number in range(12)
    ]

    with ThreadPoolExecutor(len(racing)) as pool:
        done = list(pool.map(lambda device: device.shell(f"{enrol} --name {device.name}"), racing))

    assert [attempt.returncode for attempt in done].count(0) == 1, [attempt.stderr for attempt in done]
    assert product.rows("SELECT uses FROM trust_enrolmenttoken WHERE id = %s", token["id"]) == [(1,)]
