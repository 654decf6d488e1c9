"""A tenant with a published model and a node on every tier, and a device's side of targets and reports."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fleet.registry.models import Model, ModelVersion, Node, Presence
from fleet.registry.services import reports
from fleet.rollouts.models import Rollout
from fleet.rollouts.services import plans, pushes
from fleet.trust.models import Site
from muster.canon.signatures import Signature
from muster.clock import now_us
from muster.wire import messages
from muster.wire import targets as wire
from tests.conftest import TESTS
from tests.published import make_version

CARE = {"vision": "terminal", "text": "edge", "fusion": "cloud"}

numbers = itertools.count(1)


@pytest.fixture
def care(root: Site) -> ModelVersion:
    return make_version(root)


@pytest.fixture
def fleet(pin: str, make_node: Callable[..., Node]) -> dict[str, Node]:
    """A connected node on every tier."""
    return {tier: make_node(tier, tier=tier, online=True) for tier in ("terminal", "edge", "cloud")}


@pytest.fixture
def push(care: ModelVersion, fleet: dict[str, Node]) -> Callable[..., Rollout]:
    """Make a plan and push it: `push({"vision": "terminal"}, model="eldercare")`."""

    def make(mapping: dict[str, str] = CARE, reason: str = "", **options: Any) -> Rollout:
        plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping=mapping, **options)
        return pushes.push(actor=TESTS, plan=plan, reason=reason)

    return make


def target_of(node: Node) -> wire.NodeTarget:
    node = Node.objects.select_related("target").get(pk=node.pk)
    return wire.read(bytes(node.target.document))


def report(node: Node, **changes: Any) -> messages.Report:
    """Return what a device says that does all that its target asks, with changes."""
    target = target_of(node) if hasattr(Node.objects.get(pk=node.pk), "target") else None
    shards = target.shards if target else []
    fields: dict[str, Any] = {
        "node": str(node.uid),
        "boot": "01920000-0000-7000-8000-000000000001",
        "number": next(numbers),
        "at": now_us(),
        "generation": target.generation if target else None,
        "serving": target.generation if target else None,
        "state": wire.ReportState.ACTIVE if shards else wire.ReportState.IDLE,
        "reason": wire.Reason.NONE,
        "detail": "",
        "shards": [messages.HeldShard(shard.key, wire.ShardState.SERVING, shard.size_bytes) for shard in shards],
        "running": [messages.RunningShard(shard.key, shard.weights_sha256, now_us()) for shard in shards],
        "signature": Signature("ed25519", "", b""),
    }
    return messages.Report(**(fields | changes))


def obey(*nodes: Node, epoch: int = 1, **changes: Any) -> None:
    """Let nodes report that they do what their targets ask."""
    for node in nodes:
        assert reports.accept(node_key=node.pk, epoch=epoch, report=report(node, **changes))


def disconnect(node: Node) -> None:
    Presence.objects.filter(node=node).update(expires_at=timezone.now() - timedelta(seconds=1))


def connect(node: Node) -> None:
    Presence.objects.filter(node=node).update(expires_at=timezone.now() + timedelta(minutes=1))
