"""A model is trained by real devices while the server's processes die, and the result is what the updates make."""

import json
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.placing import key_of, push, redirect, runs, settled
from tests.e2e.product import Device, Product, free_port_pair, start_product, stop_product, wait_until
from tests.e2e.slow_line import slow_line

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(480)]

ROUNDS = """
SELECT r.id::text, r.state, r.failure FROM aggregation_round r JOIN aggregation_trainingjob j ON j.id = r.job_id
JOIN registry_model m ON m.id = j.model_id WHERE m.name = %s ORDER BY r.number
"""
JOB = """
SELECT j.id::text, j.state, j.failure, v.number FROM aggregation_trainingjob j
JOIN registry_model m ON m.id = j.model_id LEFT JOIN registry_modelversion v ON v.id = j.best_version_id
WHERE m.name = %s
"""
SUBMISSIONS = """
SELECT s.attempt, s.received_bytes, s.size_bytes FROM registry_submission s JOIN aggregation_phase p ON p.id = s.task
JOIN aggregation_round r ON r.id = p.round_id JOIN aggregation_trainingjob j ON j.id = r.job_id
JOIN registry_model m ON m.id = j.model_id WHERE m.name = %s
"""
FAILPOINT = "after_aggregate"


@pytest.fixture(scope="module", autouse=True)
def packages(heavy: None) -> None:
    """The heavy workload is there before the server starts."""


@pytest.fixture(scope="module")
def product(short_folder: Path) -> Iterator[Product]:
    """A product whose aggregating worker is killed once, with its result computed and not yet recorded."""
    var = short_folder / f"var-{secrets.token_hex(3)}"
    var.mkdir()
    product = start_product(var, free_port_pair(), "--agents", "0", MUSTER_FAILPOINT=FAILPOINT)
    try:
        yield product
    finally:
        stop_product(product)


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


def kill(product: Product, needle: str) -> None:
    for process in product.processes(needle):
        os.kill(process, signal.SIGKILL)


def assert_rounds_hold(product: Product, model: str) -> None:
    """Every round of the job was published, and its stored updates make the same bytes again."""
    rounds = product.rows(ROUNDS, model)
    assert {state for _, state, _ in rounds} == {"published"}, rounds
    for pk, _, _ in rounds:
        facts = json.loads(product.manage("verify_round", pk, "--json"))
        assert facts["recorded"] == facts["stored"] == facts["recomputed"]


def test_a_job_survives_the_death_of_worker_web_and_gateway_and_its_best_version_reaches_the_nodes(
    product: Product, devices: dict[str, Device], watcher: Page
) -> None:
    product.manage("publish_model", "digits", "--site", "north")
    push(product, '{"vision": "terminal", "head": "edge"}')
    for device in devices.values():
        wait_until(
            lambda device=device: product.rows(
                "SELECT 1 FROM registry_presence WHERE node_id = %s AND expires_at > now()", key_of(product, device)
            ),
            seconds=30,
            what=f"{device.name} is there",
        )
    wait_until(lambda: settled(product, devices["terminal"]), seconds=60, what="the first version serves")

    product.manage(
        "train", "digits", "--rounds", "2", "--epochs", "1", "--dirichlet", "1", "--quorum", "3", "--deadline", "200"
    )
    wait_until(
        lambda: product.rows("SELECT 1 FROM registry_workprogress WHERE state = 'training'"),
        seconds=60,
        what="somebody trains",
    )
    kill(product, "config.gateway:application")
    kill(product, "config.asgi:application")

    wait_until(lambda: product.rows(JOB, "digits")[0][1] != "running", seconds=240, what="the job is over")
    [(job, state, failure, best)] = product.rows(JOB, "digits")
    assert (state, failure) == ("done", "")
    assert (product.var / f"failpoint-{FAILPOINT}").exists(), "the worker was killed in the middle"
    assert len(product.rows(ROUNDS, "digits")) == 2
    assert_rounds_hold(product, "digits")
    assert best > 1
    wait_until(
        lambda: (
            product.rows(
                "SELECT v.number FROM rollouts_rollout r JOIN rollouts_shardingplan p ON p.id = r.plan_id "
                "JOIN registry_modelversion v ON v.id = p.version_id WHERE r.state = 'done'"
            )
            == [(best,)]
        ),
        seconds=60,
        what="the best version is pushed and proved",
    )
    assert runs(product, devices["terminal"], "digits") == {"vision": True}
    watcher.goto(f"{product.url}/rounds/{job}/")
    expect(watcher.locator("h1 .pill")).to_contain_text("Done")


def test_an_upload_goes_on_where_kill_9_of_the_agent_has_stopped_it(
    product: Product, devices: dict[str, Device]
) -> None:
    device = devices["terminal"]
    product.manage("publish_model", "heavy", "--site", "north")
    device.stop()
    with slow_line(product.port + 1, bytes_a_second=12 << 20) as line:
        redirect(device, f"ws://127.0.0.1:{line.port}")
        device.run()
        product.manage(
            "train",
            "heavy",
            "--rounds",
            "1",
            "--epochs",
            "1",
            "--tier",
            "terminal",
            "--quorum",
            "1",
            "--deadline",
            "300",
        )

        def received() -> float:
            rows = product.rows(SUBMISSIONS, "heavy")
            return rows[0][1] / rows[0][2] if rows else 0.0

        wait_until(lambda: received() > 1 / 8, seconds=120, what="the upload has begun")
        os.kill(device.process.pid, signal.SIGKILL)
        device.process.wait(5)
        [(_, had, size)] = product.rows(SUBMISSIONS, "heavy")
        assert had < size, "killed in the middle"
        line.brought = 0
        device.run()
        wait_until(lambda: product.rows(JOB, "heavy")[0][1] != "running", seconds=180, what="the job is over")
        assert line.brought < size - had + (2 << 20), "what was acknowledged is not sent again"
    assert product.rows(SUBMISSIONS, "heavy") == [(1, size, size)], "trained once, handed over once"
    assert_rounds_hold(product, "heavy")
