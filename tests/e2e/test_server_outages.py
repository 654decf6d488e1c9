"""PostgreSQL and Valkey really die under a streaming device: nothing acknowledged is lost, all comes back alone."""

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest
import redis
from playwright.sync_api import Page

from config.env import EMBEDDED_ENV, read_env_file
from tests.e2e.product import Device, Product, assert_each_acknowledged_frame_is_stored_once, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(300)]

RESTART_LIMIT_S = 30  # the supervisor waits a second, PostgreSQL recovers from its log
CANARY_LIMIT_S = 60  # the age at which a worker counts as gone
QUEUES = 3
PATHS = ("/", "/nodes/", "/enrolment/", "/settings/")

NEWEST_POINT_JS = """() => {
  const plot = document.querySelector('[data-chart].js-plotly-plot, [data-chart] .js-plotly-plot');
  return plot && plot.data && plot.data.length ? plot.data[0].x.at(-1) : null;
}"""


@pytest.fixture(scope="module")
def device(product: Product, enrol: Callable[[str, str], Device]) -> Device:
    device = enrol("steady-1", "terminal")
    device.run()
    wait_until(lambda: product.stored(device) >= 3, seconds=30, what="first readings")
    return device


@pytest.fixture(scope="module")
def watched(product: Product, device: Device, watcher: Page) -> Page:
    """The device's node page, which is never loaded again."""
    watcher.goto(f"{product.url}/nodes/{product.node_of(device)[1]}/")
    wait_until(lambda: watcher.evaluate(NEWEST_POINT_JS), seconds=20, what="a chart")
    return watcher


def epoch_of(product: Product, device: Device) -> int:
    """Return the number of the device's connection: another one would mean that its socket was lost."""
    [(epoch,)] = product.rows("SELECT epoch FROM registry_presence WHERE node_id = %s", product.node_of(device)[0])
    return epoch


def now_of(product: Product) -> datetime:
    [(now,)] = product.rows("SELECT now()")
    return now


def kill(product: Product, program: str) -> int:
    """Kill an embedded server as the kernel does that is out of memory; return its process id."""
    found = subprocess.run(["pgrep", "-f", f"{program}.*{product.var}/"], capture_output=True, text=True, check=True)
    pid = int(found.stdout.split()[0])
    os.kill(pid, signal.SIGKILL)
    return pid


def answers(product: Product) -> bool:
    try:
        product.rows("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def valkey(product: Product) -> redis.Redis:
    return redis.Redis.from_url(read_env_file(product.var / EMBEDDED_ENV)["MUSTER_REDIS_URL"])


def valkey_answers(product: Product) -> bool:
    try:
        with valkey(product) as client:
            return client.ping()
    except redis.RedisError:
        return False


def workers_consume(product: Product, since: datetime) -> bool:
    return product.rows("SELECT count(*) FROM trust_canary WHERE stamped_at > %s", since) == [(QUEUES,)]


def page_moves(page: Page) -> None:
    """Wait until the page has drawn another reading than now."""
    before = page.evaluate(NEWEST_POINT_JS)
    wait_until(lambda: page.evaluate(NEWEST_POINT_JS) != before, seconds=20, what="a page that moves")


def test_a_killed_postgresql_loses_nothing_and_everybody_finds_it_again(
    product: Product, device: Device, watched: Page
) -> None:
    epoch, before = epoch_of(product, device), product.stored(device)
    processes = {needle: product.processes(needle) for needle in ("config.gateway", "config.asgi", "manage.py pulse")}

    kill(product, "bin/postgres -D")
    wait_until(lambda: not answers(product), seconds=5, what="the outage")
    wait_until(lambda: answers(product), seconds=RESTART_LIMIT_S, what="PostgreSQL again")
    back = now_of(product)
    statuses = {path: watched.request.get(f"{product.url}{path}").status for path in PATHS * 3}

    assert set(statuses.values()) == {200}, "a page failed after PostgreSQL was back"
    wait_until(lambda: product.stored(device) > before + 5, seconds=20, what="readings stored again")
    assert epoch_of(product, device) == epoch, "the device's socket must have stayed"
    page_moves(watched)
    wait_until(lambda: fleet_figures_since(product, back), seconds=30, what="pulse at work again")
    wait_until(lambda: workers_consume(product, back), seconds=CANARY_LIMIT_S, what="workers at work again")
    assert {needle: product.processes(needle) for needle in processes} == processes, "nobody had to be restarted"


def fleet_figures_since(product: Product, moment: datetime) -> bool:
    return product.rows("SELECT count(*) FROM telemetry_fleetfigure WHERE at > %s", moment) > [(0,)]


def test_an_outage_of_the_database_is_no_departure_of_nodes(product: Product, device: Device) -> None:
    departures = "SELECT count(*) FROM trust_event WHERE verb = 'node.offline' AND target_label = %s"

    assert product.rows(departures, device.name) == [(0,)]


def test_a_killed_valkey_costs_no_socket_and_no_reading(product: Product, device: Device, watched: Page) -> None:
    epoch, before, moment = epoch_of(product, device), product.stored(device), now_of(product)

    kill(product, "valkey-server")
    wait_until(lambda: product.stored(device) > before + 2, seconds=10, what="readings stored without Valkey")
    wait_until(lambda: valkey_answers(product), seconds=RESTART_LIMIT_S, what="Valkey again")
    back = max(now_of(product), moment)

    page_moves(watched)
    wait_until(lambda: workers_consume(product, back), seconds=CANARY_LIMIT_S, what="workers at work again")
    assert epoch_of(product, device) == epoch, "the device's socket must have stayed"


def test_an_emptied_valkey_is_filled_again_by_whoever_needs_it(product: Product, device: Device, watched: Page) -> None:
    epoch = epoch_of(product, device)
    with valkey(product) as client:
        client.flushall()
    # A canary that was on its way may still arrive; the one sent after it tells.
    since = now_of(product) + timedelta(seconds=2)

    page_moves(watched)
    wait_until(lambda: workers_consume(product, since), seconds=CANARY_LIMIT_S, what="workers at work again")
    assert epoch_of(product, device) == epoch, "the device's socket must have stayed"


def test_after_all_of_it_every_acknowledged_frame_is_stored_once(product: Product, device: Device) -> None:
    device.stop()

    assert_each_acknowledged_frame_is_stored_once(product, device)
