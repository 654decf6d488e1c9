"""Nodes with real keys and a real gateway on a real port."""

import itertools
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.telemetry.gateway.app import create_application
from fleet.telemetry.services import partitions
from fleet.trust.models import Site
from fleet.trust.services import server_key
from muster.canon import signatures
from muster.ids import uuid7
from tests.fleet.telemetry.devices import Device, Door, Served

numbers = itertools.count(1)


@pytest.fixture
def tables(transactional_db: None) -> None:
    """A database without readings, whose partitions and server key exist."""
    partitions.reconcile()
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE telemetry_sample, telemetry_inference"
        )  # no model manages them: the flush passes them over
    server_key.ensure()


@pytest.fixture
def make_device(transactional_db: None) -> Callable[..., Device]:
    def make(state: str = NodeState.ACTIVE.value, site: Site | None = None) -> Device:
        key = Ed25519PrivateKey.generate()
        public = signatures.public_bytes(key)
        number = next(numbers)
        if site is None:
            site, _ = Site.objects.get_or_create(slug="plant", path="plant/", defaults={"name": "Plant"})
        node = Node.objects.create(
            uid=uuid7(),
            site=site,
            name=f"node-{number}",
            tier="terminal",
            state=state,
            public_key=public,
            fingerprint=signatures.fingerprint(public),
        )
        return Device(node, key)

    return make


@pytest.fixture
def device(make_device: Callable[..., Device]) -> Device:
    return make_device()


@pytest.fixture
def gateway(tables: None) -> Iterator[Door]:
    config = uvicorn.Config(
        create_application(),
        host="127.0.0.1",
        port=0,
        lifespan="on",
        ws_max_size=1 << 21,  # above the gateway's own bound, so that this one is seen to hold
        ws_per_message_deflate=False,
        log_config=None,
    )
    with Served(config).running() as port:
        yield Door(f"ws://127.0.0.1:{port}/node")
