"""Lists of a large fleet beside their ceiling: `python -m bench.pages [--nodes N] [--rounds R]`.

A request goes through every middleware, view and template of the real application, in this
process. The ceiling is the plain SELECT of the rows that the answer is about, with no words around
them; the queries show that their number does not grow with the fleet.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.ground import ground

SITES = 50
LINE = "{:<28}{:>10.1f}{:>12.2f}{:>8.0f}{:>10}"
HEAD = "{:<28}{:>10}{:>12}{:>8}{:>10}"


def main() -> None:
    """Print milliseconds per request, per SELECT, their ratio and the number of queries."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with ground():
        client = _signed_in(options.nodes)
        print(f"{options.nodes} nodes at {SITES} sites; medians of {options.rounds}")
        print(HEAD.format("", "ms", "ms SELECT", "ratio", "queries"))
        for name, address, ceiling in _cases():
            _measure(name, lambda address=address: client.get(address), ceiling, options.rounds)


def _cases() -> list[tuple[str, str, Callable[[], object]]]:
    from fleet.registry.models import Node, Presence

    def page() -> object:
        return list(Node.objects.order_by("name").values_list()[:50])

    def everything() -> object:
        return list(Presence.objects.values_list("node__site_id", "node__state", "expires_at", "cpu", "rtt_us"))

    return [
        ("node list", "/nodes/", page),
        ("node list, worst first", "/nodes/?ordering=status", page),
        ("node list, page 90", "/nodes/?page=90", page),
        ("node list, search", "/nodes/?q=node-49", page),
        ("overview", "/", everything),
        ("palette", "/search?q=node-49", page),
        ("enrolment", "/enrolment/", page),
        ("audit", "/audit/", page),
        ("REST list", "/api/v1/nodes", page),
        ("REST list, page 90", "/api/v1/nodes?page=90", page),
        ("metrics", "/metrics", everything),
    ]


def _measure(name: str, request: Callable[[], Any], ceiling: Callable[[], object], rounds: int) -> None:
    from django.db import connection

    answer = request()
    assert answer.status_code == 200, (name, answer.status_code)
    queries = []

    def count(execute: Any, sql: str, *more: Any) -> Any:
        queries.append(sql)
        return execute(sql, *more)

    with connection.execute_wrapper(count):
        request()
    took, least = _median_ms(request, rounds), _median_ms(ceiling, rounds)
    print(LINE.format(name, took, least, took / least, len(queries)))


def _median_ms(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _signed_in(number: int) -> Any:
    """Fill the database, and return a client of an administrator who sees all of it."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from fleet.trust.services import sites, users
    from fleet.trust.services.actors import Actor

    # Pages are drawn from the sources' names; the hashed ones would need the assets collected.
    Path(settings.STATIC_ROOT).mkdir(parents=True)
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.ALLOWED_HOSTS = ["testserver"]
    bench = Actor.system("bench")
    root = sites.create(actor=bench, parent=None, slug="north", name="North")
    places = [
        sites.create(actor=bench, parent=root, slug=f"plant-{index}", name=f"Plant {index}") for index in range(SITES)
    ]
    _fill(places, number)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    user, _password = users.create(actor=bench, username="ada", grants=[(root, "administrator")])
    client = Client()
    client.force_login(user)
    return client


def _fill(places: list[Any], number: int) -> None:
    """Make nodes of every state and status, with as many events."""
    import hashlib

    from django.utils import timezone

    from fleet.registry.models import Node, Presence
    from fleet.trust.models import Event
    from muster.canon.signatures import fingerprint

    now = timezone.now()
    keys = [hashlib.sha256(str(index).encode()).digest() for index in range(number)]
    nodes = Node.objects.bulk_create(
        Node(
            site=places[index % SITES],
            name=f"node-{index:05}",
            tier=("terminal", "terminal", "edge")[index % 3],
            device_type="bench",
            state="pending" if index % 50 == 7 else "active",
            public_key=key,
            fingerprint=fingerprint(key),
            memory_bytes=8 << 30,
        )
        for index, key in enumerate(keys)
    )
    Presence.objects.bulk_create(
        Presence(
            node=node,
            seen_at=now,
            expires_at=now + timedelta(hours=-1 if index % 20 == 3 else 1),
            cpu=(index % 100) / 100,
            memory_used_bytes=(index % 8) << 30,
            rtt_us=20_000,
        )
        for index, node in enumerate(nodes)
    )
    Event.objects.bulk_create(
        Event(
            verb="node.enrolled",
            actor_kind="node",
            actor_label=node.name,
            site=node.site,
            target_kind="node",
            target_id=node.uid,
            target_label=node.name,
        )
        for node in nodes
    )


if __name__ == "__main__":
    main()
