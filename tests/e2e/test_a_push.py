"""A model is published, placed and pushed, and every node proves what it runs: real agents, real processes."""

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.memory import flip_bit
from tests.e2e.placing import ARTIFACT, events, key_of, push, redirect, runs, settled, size_of
from tests.e2e.product import Device, Product, wait_until
from tests.e2e.slow_line import slow_line

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(420)]

MAPPING = '{"vision": "terminal", "text": "edge", "fusion": "cloud"}'


@pytest.fixture(scope="module", autouse=True)
def packages(heavy: None) -> None:
    """The heavy workload is there before the server starts."""


@pytest.fixture(scope="module")
def device_environment(serving_environment: Path) -> Path:
    return serving_environment


@pytest.fixture(scope="module")
def devices(enrol: Callable[[str, str], Device]) -> dict[str, Device]:
    """A running device on each tier, by its tier."""
    devices = {tier: enrol(f"{tier}-1", tier) for tier in ("terminal", "edge", "cloud")}
    for device in devices.values():
        device.run()
    return devices


@pytest.fixture(scope="module")
def published(product: Product, devices: dict[str, Device]) -> None:
    """Both included models are published."""
    for workload in ("digits", "eldercare"):
        assert workload in product.manage("publish_model", workload, "--site", "north")


def worker_of(device: Device) -> int:
    """Return the process that runs the device's shards."""
    assert device.process is not None
    children = Path(f"/proc/{device.process.pid}/task/{device.process.pid}/children").read_text().split()
    for child in map(int, children):
        if b"agent.serving.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    pytest.fail(f"{device.name} runs no worker")


def test_the_mapping_alone_is_pushed_and_every_node_proves_what_it_runs(
    product: Product, devices: dict[str, Device], published: None, watcher: Page
) -> None:
    push(product, MAPPING)

    for device in devices.values():
        wait_until(lambda device=device: settled(product, device), seconds=60, what=f"{device.name} serves the plan")
    assert runs(product, devices["terminal"], "eldercare") == {"motion": True, "vision": True}
    assert runs(product, devices["edge"], "eldercare") == {"text": True}
    assert runs(product, devices["cloud"], "eldercare") == {"fusion": True}
    wait_until(
        lambda: product.rows("SELECT state FROM rollouts_rollout") == [("done",)], seconds=15, what="the push is done"
    )
    [(rollout,)] = product.rows("SELECT id::text FROM rollouts_rollout")
    watcher.goto(f"{product.url}/rollouts/{rollout}/")
    expect(watcher.locator("h1 .pill")).to_contain_text("Done")


def test_measured_latency_of_each_component_is_stored(product: Product, devices: dict[str, Device]) -> None:
    query = """
    SELECT DISTINCT c.name, i.local FROM telemetry_inference i JOIN registry_artifact a ON a.key = i.shard
    JOIN registry_component c ON c.id = a.component_id WHERE i.node = %s AND i.requests > 0 AND i.total_us > 0
    """
    expected = {
        "terminal": {("motion", True), ("vision", True)},
        "edge": {("text", True)},
        "cloud": {("fusion", False)},  # its upstream is elsewhere: stand-in tensors, and said so
    }
    for tier, components in expected.items():
        key = key_of(product, devices[tier])
        wait_until(
            lambda key=key, components=components: set(product.rows(query, key)) == components,
            seconds=20,
            what=f"inferences of {tier}",
        )


def test_a_second_push_supersedes_the_first_and_the_other_model_stays(
    product: Product, devices: dict[str, Device]
) -> None:
    push(product, '{"vision": "terminal", "head": "edge"}')
    push(product, '{"fusion": "edge"}')

    for device in devices.values():
        wait_until(lambda device=device: settled(product, device), seconds=60, what=f"{device.name} serves the plan")
    assert runs(product, devices["edge"], "eldercare") == {"text": True, "fusion": True}
    assert runs(product, devices["edge"], "digits") == {"head": True}
    assert runs(product, devices["terminal"], "digits") == {"vision": True}
    assert runs(product, devices["cloud"], "eldercare") == {}
    states = product.rows(
        "SELECT r.state FROM rollouts_rollout r JOIN registry_model m ON m.id = r.model_id "
        "WHERE m.name = 'eldercare' ORDER BY r.created_at"
    )
    assert states[0] == ("superseded",)


def test_a_node_that_was_offline_catches_up(product: Product, devices: dict[str, Device]) -> None:
    away = devices["terminal"]
    away.stop()
    push(product, MAPPING)
    wait_until(
        lambda: (
            product.rows(
                "SELECT a.state FROM rollouts_assignment a JOIN rollouts_rollout r ON r.id = a.rollout_id "
                "JOIN registry_model m ON m.id = r.model_id "
                "WHERE a.node_id = %s AND m.name = 'eldercare' AND r.state <> 'superseded'",
                key_of(product, away),
            )
            == [("deferred",)]
        ),
        seconds=20,
        what="the assignment is deferred",
    )
    assert not settled(product, away)

    away.run()

    wait_until(lambda: settled(product, away), seconds=60, what="the node has caught up")
    assert runs(product, away, "eldercare") == {"motion": True, "vision": True}


def test_a_flipped_bit_in_the_running_process_is_reported_and_mended(
    product: Product, devices: dict[str, Device]
) -> None:
    device = devices["edge"]
    [(sha256, _, _)] = product.rows(ARTIFACT, "eldercare", "text")
    before = events(product, "shard.mismatch", device)

    flip_bit(worker_of(device), device.home / "artifacts" / sha256)

    wait_until(lambda: events(product, "shard.mismatch", device) > before, seconds=30, what="the mismatch is on record")
    wait_until(
        lambda: settled(product, device) and all(runs(product, device, "eldercare").values()),
        seconds=30,
        what="the node is mended",
    )


def test_a_shard_that_was_corrupted_on_disk_is_noticed_and_fetched_again(
    product: Product, devices: dict[str, Device]
) -> None:
    device = devices["terminal"]
    [(sha256, _, _)] = product.rows(ARTIFACT, "eldercare", "vision")
    file = device.home / "artifacts" / sha256
    before = events(product, "shard.corrupt", device)
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.chmod(0o600)
    file.write_bytes(damaged)

    wait_until(lambda: events(product, "shard.corrupt", device) > before, seconds=60, what="the damage is on record")
    wait_until(
        lambda: file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256,
        seconds=30,
        what="the file is whole again",
    )
    wait_until(lambda: settled(product, device), seconds=30, what="the node serves again")


def test_a_download_goes_on_where_kill_9_has_stopped_it(product: Product, devices: dict[str, Device]) -> None:
    device = devices["terminal"]
    product.manage("publish_model", "heavy", "--site", "north")
    [(sha256, weights, size)] = product.rows(ARTIFACT, "heavy", "load")
    part = device.home / "artifacts" / f"{sha256}.part"
    device.stop()
    with slow_line(product.port + 1, bytes_a_second=12 << 20) as line:
        redirect(device, f"ws://127.0.0.1:{line.port}")
        device.run()
        push(product, '{"load": "terminal"}')
        wait_until(lambda: size_of(part) > size // 8, seconds=30, what="the download has begun")
        os.kill(device.process.pid, signal.SIGKILL)
        device.process.wait(5)
        had = size_of(part)
        assert size // 8 < had < size, "killed in the middle"
        line.carried = 0
        device.run()
        wait_until(lambda: settled(product, device), seconds=60, what="the heavy model runs")
        assert line.carried < size - had + (2 << 20), "what was there is not fetched again"
    assert runs(product, device, "heavy") == {"load": True}
    assert weights == running_hash(product, device, "heavy")


def running_hash(product: Product, device: Device, model: str) -> str:
    query = """
    SELECT r.weights_sha256 FROM registry_runningshard r JOIN registry_artifact a ON a.key = r.shard
    JOIN registry_component c ON c.id = a.component_id JOIN registry_modelversion v ON v.id = c.version_id
    JOIN registry_model m ON m.id = v.model_id WHERE r.node_id = %s AND m.name = %s
    """
    return product.rows(query, key_of(product, device), model)[0][0]


def test_a_device_serves_from_its_disk_before_it_reaches_the_server(
    product: Product, devices: dict[str, Device]
) -> None:
    device = devices["edge"]
    device.stop()
    redirect(device, "ws://127.0.0.1:9")  # nobody listens there
    began = time.time()
    device.run()

    wait_until(lambda: "serving" in device.shell("muster-agent status").stdout, seconds=30, what="it serves")
    redirect(device, f"ws://127.0.0.1:{product.port + 1}")
    assert time.time() - began < 40
