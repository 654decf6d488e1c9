"""Fills an empty database with a small fleet for the browser: real rows, made by the services that make them in life.

Run as `python -m tests.browser.seed` with the environment of the web process; prints what tests need to know as JSON.
"""

import hashlib
import json
import math
import os
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from fleet.registry.core.node_states import NodeState  # noqa: E402
from fleet.registry.models import Node, Presence  # noqa: E402
from fleet.registry.services import nodes  # noqa: E402
from fleet.telemetry.models import FleetFigure  # noqa: E402
from fleet.telemetry.services import partitions  # noqa: E402
from fleet.trust.models import Site  # noqa: E402
from fleet.trust.services import enrolment_tokens, server_key, sites, users  # noqa: E402
from fleet.trust.services.actors import Actor  # noqa: E402
from muster.canon.signatures import fingerprint  # noqa: E402
from muster.clock import now_us  # noqa: E402
from tests.browser import seed_models, seed_training  # noqa: E402

PASSWORD = "a-long-enough-passphrase"
GIB = 1 << 30
ACTOR = Actor.system("seed")
PLACES = [("suzhou-a", "Suzhou A"), ("suzhou-b", "Suzhou B"), ("hamburg", "Hamburg"), ("monterrey", "Monterrey")]
SPEED = {"hash_bytes_per_s": 480_000_000, "memory_bytes_per_s": 9_100_000_000, "disk_bytes_per_s": 210_000_000}
# Nodes at each place: enough for a second page of the list, few enough to be made in a second.
NODES_PER_SITE = 24
HISTORY_S = 300


def main() -> None:
    """Make people, sites, nodes in every state, and five minutes of samples of one of them."""
    server_key.ensure()
    partitions.reconcile()
    root = sites.create(actor=ACTOR, parent=None, slug="works", name="Works")
    places = [sites.create(actor=ACTOR, parent=root, slug=slug, name=name) for slug, name in PLACES]
    people(root, places)
    made = [make_node(place, index) for place in places for index in range(NODES_PER_SITE)]
    for index in range(3):
        make_node(places[0], 100 + index, state=NodeState.PENDING)
    nodes.quarantine(made[5], actor=ACTOR, reason="Unknown process on the device")
    watched = made[0]
    samples(watched)
    figures(places)
    enrolment_tokens.create(actor=ACTOR, site=places[0], tier="edge", max_uses=5)
    # No plan below puts anything on an edge node, so the spare one holds no shards.
    spare = next(node for node in made[9:] if node.tier == "edge")
    named = {"node": watched, "hot": made[3], "quarantined": made[5], "spare": spare, "quiet": made[8]}
    released = seed_models.make(root, made)
    released |= seed_training.make(root, made)
    print(json.dumps({name: str(node.uid) for name, node in named.items()} | released))


def people(root: Site, places: list[Site]) -> None:
    """Make one person for each role."""
    for name, site, role in (
        ("owner", root, "administrator"),
        ("colleague", places[0], "viewer"),
        ("operator", root, "operator"),
    ):
        user, _password = users.create(actor=ACTOR, username=name, password=PASSWORD, grants=[(site, role)])
        user.time_zone = "Asia/Shanghai"
        user.save(update_fields=["time_zone"])
    users.create(actor=ACTOR, username="stranger", password=PASSWORD)


def make_node(site: Site, index: int, state: str = NodeState.ACTIVE) -> Node:
    """Make a node whose place in the row decides how it is."""
    tier = ("terminal", "terminal", "terminal", "edge", "terminal", "cloud")[index % 6]
    name = f"{site.slug}-{tier}-{index:04}"
    key = hashlib.sha256(name.encode()).digest()
    node = Node.objects.create(
        site=site,
        name=name,
        tier=tier,
        state=state,
        public_key=key,
        fingerprint=fingerprint(key),
        memory_bytes=16 * GIB,
        agent_version="0.1.0",
        device_type="bench",
        inventory=inventory(name, has_temperature=index != 1),
    )
    if state == NodeState.ACTIVE:
        Presence.objects.create(node=node, **presence(index))
    return node


def inventory(name: str, *, has_temperature: bool) -> dict[str, Any]:
    """Return what a device of the bench says of itself."""
    return {
        "hostname": name,
        "os": "Debian GNU/Linux 13",
        "architecture": "aarch64",
        "python": "3.13.5",
        "agent_version": "0.1.0",
        "cpu_model": "Cortex-A76",
        "cpu_cores": 8,
        "memory_bytes": 16 * GIB,
        "disk_bytes": 120 * GIB,
        "accelerators": [{"kind": "npu", "name": "NPU", "memory_bytes": None}],
        "has_battery": False,
        "has_temperature": has_temperature,
        "speed": SPEED,
    }


def presence(index: int) -> dict[str, Any]:
    """Return the last figures of a node; every eleventh is too hot and every thirteenth silent."""
    now = timezone.now()
    silent = index % 13 == 12
    seen = now - timedelta(minutes=40) if silent else now
    return {
        "connected_at": now - timedelta(hours=6, minutes=index),
        "seen_at": seen,
        # Tests need nodes that stay online without an agent: a lease of half a day.
        "expires_at": seen if silent else now + timedelta(hours=12),
        "sampled_at": seen,
        "cpu": 0.2 + index % 7 / 10,
        "memory_used_bytes": (3 + index % 9) * GIB,
        "load1": 1.5 + index % 5,
        "rtt_us": 9_000 + 2_300 * (index % 11),
        "temperature_c": 88.0 if index % 11 == 3 else 58.0 + index % 6,
        "liveness": Presence.Liveness.OFFLINE if silent else Presence.Liveness.ONLINE,
        "liveness_since": seen,
    }


def samples(node: Node) -> None:
    """Store readings once a second up to now, with a gap of half a minute."""
    columns = "node, at, received_at, stream, seq, cpu, memory_used_bytes, load1, rtt_us, temperature_c"
    now, rows = now_us(), []
    for age in range(HISTORY_S, 0, -1):
        if 120 < age < 150:
            continue
        at, wave = now - age * 1_000_000, math.sin(age / 9)
        figures = [0.55 + wave / 8, int((9 + wave / 3) * GIB), 3.2 + wave, int(21_000 + 4_000 * wave), 61 + wave]
        rows.append([node.pk, at, at, 1, HISTORY_S - age, *figures])
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO telemetry_sample ({columns}) VALUES ({', '.join(['%s'] * 10)})", rows)


def figures(places: list[Site]) -> None:
    """Store what `pulse` would have written in the last hour and a half."""
    now, rows = timezone.now(), []
    for step in range(540):
        for offset, site in enumerate(places):
            wave = math.sin((step + offset * 20) / 40)
            rows.append(
                FleetFigure(
                    at=now - timedelta(seconds=10 * step),
                    site=site,
                    nodes=NODES_PER_SITE,
                    online=NODES_PER_SITE - 1,
                    rtt_p50_us=int(18_000 + 2_000 * wave),
                    rtt_p95_us=int(31_000 + 5_000 * wave),
                    cpu_mean=0.45 + wave / 12,
                    memory_used_bytes=6 * GIB,
                )
            )
    FleetFigure.objects.bulk_create(rows)


if __name__ == "__main__":
    main()
