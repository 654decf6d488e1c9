"""A device behind a proxy that swallows every byte is shown offline, comes back, and brings what it measured."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.agent.proxy import Proxy
from tests.e2e.black_hole import proxied
from tests.e2e.product import Device, Product, assert_each_acknowledged_frame_is_stored_once, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(300)]

OFFLINE_LIMIT_S = 10
RETURN_LIMIT_S = 5
CUT_S = 15  # long enough for the device to dial into the hole again and again


@pytest.fixture(scope="module")
def way(product: Product) -> Iterator[Proxy]:
    """The only way from the device to the gateway."""
    with proxied(product.port + 1) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def device(enrol: Callable[[str, str], Device], way: Proxy) -> Device:
    device = enrol("cut-1", "terminal")
    enrolment = device.home / "enrolment.json"
    fields = json.loads(enrolment.read_text())
    enrolment.write_text(json.dumps(fields | {"gateway_url": f"ws://127.0.0.1:{way.port}"}))
    device.run()
    return device


def test_a_device_that_is_cut_off_is_offline_in_time_returns_in_time_and_loses_nothing(
    product: Product, device: Device, way: Proxy, watcher: Page
) -> None:
    wait_until(lambda: product.stored(device) >= 3, seconds=20, what="readings through the proxy")
    key, uid = product.node_of(device)
    watcher.goto(f"{product.url}/nodes/{uid}/")
    pill = watcher.locator("h1 .pill")
    expect(pill).not_to_contain_text("Offline", timeout=10_000)

    dialled, cut_at = way.accepted, time.time()
    way.swallowing = True
    expect(pill).to_contain_text("Offline", timeout=OFFLINE_LIMIT_S * 1000)
    wait_until(lambda: time.time() > cut_at + CUT_S, seconds=CUT_S, what="the end of the cut")
    assert way.accepted > dialled, "the device must have dialled into the black hole"

    way.swallowing, back_at = False, time.time()
    expect(pill).not_to_contain_text("Offline", timeout=RETURN_LIMIT_S * 1000)

    measured = "SELECT at FROM telemetry_sample WHERE node = %s AND at BETWEEN %s AND %s ORDER BY at"
    meanwhile = (key, int(cut_at * 1e6), int(back_at * 1e6))
    # One reading a second on the device's own grid: the cut held at least this many.
    wait_until(lambda: len(product.rows(measured, *meanwhile)) >= CUT_S - 1, seconds=10, what="what it measured")
    device.stop()
    assert_each_acknowledged_frame_is_stored_once(product, device)
    assert longest_gap_s(product.rows(measured, *meanwhile)) < 2


def longest_gap_s(rows: list[tuple]) -> float:
    return max((later - earlier) / 1e6 for (earlier,), (later,) in pairwise(rows))
