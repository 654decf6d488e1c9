"""The whole product while its processes are killed at random: nothing acknowledged is missing, nobody stays away.

Runs for SOAK_SECONDS (300 without it), which must stay below MUSTER_RAW_HOURS: older readings are dropped by design.
"""

import json
import os
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.product import Product, free_port_pair, start_product, stop_product, wait_until

SECONDS = int(os.environ.get("SOAK_SECONDS", "300"))
RETURN_LIMIT_S = 90  # the longest delay before a restart is 30 s, and the machine is busy with all the others

pytestmark = [pytest.mark.soak, pytest.mark.e2e, pytest.mark.timeout(SECONDS + 420)]

DEVICES = 7
PAUSE_S = (0.5, 4.0)  # between two kills
VICTIMS = {
    "gateway": "config.gateway:application",
    "web": "config.asgi:application",
    "pulse": "manage.py pulse",
    "beat": "celery.beat",
    "worker-control": "--queues control",
    "worker-rollout": "--queues rollout",
    "worker-aggregation": "--queues aggregation",
    "agent": "agent run --home",
}

ONLINE_SINCE = "SELECT count(*) FROM registry_presence WHERE expires_at > now() AND seen_at > %s"
STORED = """
    SELECT t.boot::text, t.acked_seq, count(s.seq), count(DISTINCT s.seq), coalesce(min(s.seq), 1),
        coalesce(max(s.seq), 0)
    FROM telemetry_stream AS t LEFT JOIN telemetry_sample AS s ON s.stream = t.id
    GROUP BY t.id
"""


@pytest.fixture(scope="module")
def product(short_folder: Path) -> Iterator[Product]:
    var = short_folder / "soak"
    var.mkdir()
    product = start_product(var, free_port_pair(), "--agents", str(DEVICES))
    try:
        yield product
    finally:
        stop_product(product)


class Acknowledged:
    """What the devices were told is stored: the highest sequence that each boot ever wrote down."""

    def __init__(self, product: Product) -> None:
        self._homes = product.var / "agents"
        self.by_boot: Counter[str] = Counter()

    def look(self) -> None:
        """Read every device's file; a boot leaves it once all its frames are stored, so the highest is kept here."""
        for path in self._homes.glob("*/spool/acked.json"):
            for boot, seq in json.loads(path.read_text()).items():
                self.by_boot[boot] = max(self.by_boot[boot], seq)


def answers(product: Product) -> bool:
    try:
        with urllib.request.urlopen(f"{product.url}/healthz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def kill_one(product: Product, name: str, chance: random.Random) -> bool:
    """Kill one process of this kind, unless it is between two lives; say whether one was."""
    found = product.processes(VICTIMS[name])
    if not found:
        return False
    try:
        os.kill(chance.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_for(seconds: float, product: Product, acknowledged: Acknowledged, chance: random.Random) -> Counter[str]:
    """Kill until the time is over, every kind once in each round; return how often each was killed."""
    killed: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in chance.sample(sorted(VICTIMS), len(VICTIMS)):
            killed[name] += kill_one(product, name, chance)
            acknowledged.look()
            time.sleep(chance.uniform(*PAUSE_S))
    return killed


def test_random_kills_lose_no_acknowledged_reading_and_everybody_returns(product: Product) -> None:
    began = datetime.fromtimestamp(0, UTC)
    wait_until(lambda: product.rows(ONLINE_SINCE, began) == [(DEVICES,)], seconds=60, what="every device online")
    acknowledged = Acknowledged(product)

    killed = kill_for(SECONDS, product, acknowledged, random.Random())
    assert all(killed[name] for name in VICTIMS), killed

    ended = datetime.now(UTC)
    wait_until(lambda: product.rows(ONLINE_SINCE, ended) == [(DEVICES,)], seconds=RETURN_LIMIT_S, what="all online")
    wait_until(lambda: answers(product), seconds=RETURN_LIMIT_S, what="the pages")
    for name, needle in VICTIMS.items():
        wait_until(lambda needle=needle: product.processes(needle), seconds=RETURN_LIMIT_S, what=f"another {name}")
    acknowledged.look()

    rows = product.rows(STORED)
    acked_seq = {boot: acked for boot, acked, *_ in rows}
    missing = {boot: seq for boot, seq in acknowledged.by_boot.items() if seq > acked_seq.get(boot, 0)}
    assert not missing, f"acknowledged beyond what is stored: {missing}, killed {killed}"
    # One frame holds one reading here, so a boot is whole when it has each number once, from 1 to the acknowledged one.
    holes = [row for row in rows if not row[1] == row[2] == row[3] == row[5] or row[4] != 1]
    assert not holes, f"(boot, acknowledged, rows, numbers, first, last): {holes}, killed {killed}"
    assert product.process.poll() is None
