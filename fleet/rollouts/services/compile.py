"""Compiles the current plans of a tenant into one signed target for each of its nodes.

What a node shall run hangs on its tier alone, so the models are put into canonical JSON
once a tier; a node's document is that text with its own head and tail around it. Whoever
compiles holds the tenant's row: two compilers that each see half of what is current would
otherwise overwrite each other with the newer number on the older content.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import connection

from fleet.registry.models import Artifact
from fleet.registry.services import targets
from fleet.registry.services.targets import Content, SignedTarget
from fleet.rollouts.core.rollout_states import RolloutState
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.selectors import placements, stale
from fleet.rollouts.services import assignments, release_epochs
from fleet.trust.models import Site
from fleet.trust.selectors import server_key
from muster.canon import signatures
from muster.canon.json import canonical
from muster.clock import Clock, now_us
from muster.wire.targets import FORMAT, PlacedModel, Probe, Shard

log = structlog.get_logger(__name__)

KEPT = 256  # contents remembered: the plans in force of so many tenants, and a few before them
NOTHING = b"[]"
HOLE = b'"models":[]'  # where the models go in; nothing else in a document can look like it


@dataclass(frozen=True)
class TierContent:
    """What every node of one tier shall run.

    Attributes:
        content: what its targets have in common; its body is the canonical JSON of the `PlacedModel`s.
        shards: model id → key → weights_sha256.
    """

    content: Content
    shards: dict[uuid.UUID, dict[int, str]] = field(default_factory=dict)


EMPTY = TierContent(Content(NOTHING, stale.EMPTY_SHA256, (), ()))


def tenant_lock(tenant_id: uuid.UUID, *, wait: bool = True) -> Site | None:
    """Hold the tenant until the transaction ends, so that one compiles at a time; None where another does."""
    rows = Site.objects.select_for_update(no_key=True, skip_locked=not wait)
    return rows.filter(pk=tenant_id).first()


def current(tenants: Iterable[uuid.UUID] | None = None) -> list[Rollout]:
    """Return the current rollouts, of all tenants or of these, in order of their models' names."""
    rollouts = Rollout.objects.exclude(state=RolloutState.SUPERSEDED).select_related("model__site", "plan")
    if tenants is not None:
        rollouts = rollouts.filter(model__site__in=list(tenants))
    return list(rollouts.order_by("model__name", "model_id"))


def contents(rollouts: Sequence[Rollout]) -> dict[str, TierContent]:
    """Return tier → what its nodes shall run by these rollouts, which are of one tenant."""
    return _contents(tuple(rollout.plan_id for rollout in rollouts))


def bring(tenant: Site, *, clock: Clock = now_us) -> int:
    """Bring targets and assignments of a tenant to its current plans; return how many targets were issued.

    The caller holds `tenant_lock` in its transaction. Nodes whose target is right keep it, so a second
    call changes nothing.
    """
    rollouts = current([tenant.pk])
    by_tier = contents(rollouts)
    epoch = release_epochs.current()
    nodes = stale.targets({tenant.path: {tier: found.content.sha256 for tier, found in by_tier.items()}}, epoch)
    issued = 0
    if nodes:
        generation = (epoch, _next_counter())
        for tier in sorted({node.tier for node in nodes}):
            wanted = [node for node in nodes if node.tier == tier]
            issued += len(_issue(wanted, by_tier.get(tier, EMPTY), generation, clock()))
        log.info("targets.issued", tenant=tenant.path, targets=issued, generation=generation)
    assignments.assign(parts(rollouts))
    return issued


def parts(rollouts: Sequence[Rollout]) -> stale.Parts:
    """Return each rollout with its tenant's root and the tiers that its plan uses."""
    return [
        (rollout.pk, rollout.model.site.path, sorted({place["tier"] for place in rollout.plan.components.values()}))
        for rollout in rollouts
    ]


def _next_counter() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('rollouts_generation_seq')")
        (counter,) = cursor.fetchone()
    return int(counter)


def _issue(nodes: list[stale.StaleNode], found: TierContent, generation: tuple[int, int], at_us: int) -> set[int]:
    key = server_key.load()
    signed = []
    for node in nodes:
        head, tail = around(str(node.uid), generation, at_us)
        signature = signatures.sign(key, signatures.NODE_TARGET, head + found.content.body + tail)
        signed.append(SignedTarget(node.key, node.uid, head, tail, signature))
    return targets.issue(signed, generation=generation, content=found.content)


def around(node: str, generation: tuple[int, int], at_us: int) -> tuple[bytes, bytes]:
    """Return what stands before and behind the models in the canonical JSON of a NodeTarget.

    With canonical models between them it is, byte for byte, `muster.wire.targets.NodeTarget.document`.
    """
    empty = canonical(
        {
            "format": FORMAT,
            "node": node,
            "generation": list(generation),
            "issued_at_us": at_us,
            "request_interval_ms": settings.MUSTER_REQUEST_INTERVAL_MS,
            "models": [],
        }
    )
    before, _hole, behind = empty.partition(HOLE)
    return before + b'"models":', behind


@lru_cache(maxsize=KEPT)
def _contents(plan_ids: tuple[uuid.UUID, ...]) -> dict[str, TierContent]:
    """Compile plans, which never change, nor do the versions that they place."""
    plans = ShardingPlan.objects.select_related("model", "version").in_bulk(plan_ids)
    placed: dict[str, list[tuple[uuid.UUID, PlacedModel]]] = {}
    for plan_id in plan_ids:
        plan = plans[plan_id]
        for tier, model in _placed(plan).items():
            placed.setdefault(tier, []).append((plan.model_id, model))
    return {tier: _tier_content(models) for tier, models in placed.items()}


def _placed(plan: ShardingPlan) -> dict[str, PlacedModel]:
    """Return tier → the part of a plan's model that runs there."""
    version, model = plan.version, plan.model
    return {
        tier: PlacedModel(
            model=model.name,
            version_id=str(version.pk),
            version=version.number,
            workload=model.workload,
            workload_version=version.workload_version,
            manifest_sha256=version.manifest_sha256,
            plan_sha256=plan.plan_sha256,
            shards=shards,
        )
        for tier, shards in _shards(plan).items()
    }


def _shards(plan: ShardingPlan) -> dict[str, list[Shard]]:
    seats = placements.seats_of(plan)
    rows = Artifact.objects.filter(component__version=plan.version_id).select_related("component")
    tiers: dict[str, list[Shard]] = {}
    for row in rows.order_by("component__position"):
        seat = seats.get(row.component.name)
        if seat is not None and seat.variant == row.variant:
            tiers.setdefault(seat.tier, []).append(_shard(row))
    return tiers


def _shard(row: Artifact) -> Shard:
    return Shard(
        key=row.pk,
        component=row.component.name,
        variant=row.variant,
        artifact_sha256=row.artifact_sha256,
        weights_sha256=row.weights_sha256,
        size_bytes=row.size_bytes,
        probe=msgspec.convert(row.probe, Probe),
    )


def _tier_content(placed: Sequence[tuple[uuid.UUID, PlacedModel]]) -> TierContent:
    models: list[dict[str, Any]] = [msgspec.to_builtins(model) for _id, model in placed]
    shards = [shard for _id, model in placed for shard in model.shards]
    text = canonical(models)
    artifacts = tuple(sorted({shard.artifact_sha256 for shard in shards}))
    return TierContent(
        content=Content(text, stale.sha256(text), artifacts, tuple(sorted(shard.key for shard in shards))),
        shards={model_id: {shard.key: shard.weights_sha256 for shard in model.shards} for model_id, model in placed},
    )
