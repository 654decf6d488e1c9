import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from fleet.telemetry.core.topics import site_topic
from fleet.telemetry.services.database import conninfo
from fleet.trust.models import Event, Site
from tests.fleet.telemetry.devices import rows

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def pulse(transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    """The command on the test's database."""
    environment = {**os.environ, "MUSTER_DATABASE_URL": conninfo("muster-pulse-test")}
    command = [sys.executable, str(ROOT / "manage.py"), "pulse"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait(10)


async def test_the_command_publishes_through_the_loss_of_its_lease_and_stops_when_told(
    make_node: Any, site: Site, pulse: subprocess.Popen[bytes]
) -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(site_topic(site.pk), channel)
    node = await database_sync_to_async(make_node)("press", online=True, cpu=0.5)
    async with asyncio.timeout(30):
        first = await layer.receive(channel)
    assert first["data"]["counts"] == {"healthy": 1}
    assert await Event.objects.filter(verb="node.online", target_id=node.uid).acount() == 1

    await database_sync_to_async(end_lease)()
    async with asyncio.timeout(30):
        again = await layer.receive(channel)
    assert again["seq"] > first["seq"]

    pulse.terminate()
    assert await asyncio.to_thread(pulse.wait, 10) == 0
    await layer.flush()


def end_lease() -> None:
    """End the session that holds the lease, as a restart of the database does."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster-pulse'"
    assert rows(query) == [(True,)]
