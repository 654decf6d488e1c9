"""Reads what the checks of a plan need: versions, capacities, what is held where."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from fleet.registry.core.node_states import NodeState
from fleet.registry.core.version_states import VersionState
from fleet.registry.models import Artifact, Model, ModelVersion, Node
from fleet.rollouts.core import document
from fleet.rollouts.core.diff import Placed
from fleet.rollouts.core.placing import Capacity, Seat
from fleet.rollouts.core.rollout_states import RolloutState
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.trust.access import within
from fleet.trust.models import Site

CAPACITIES = """
SELECT tier, count(*), (array_agg(n.name ORDER BY memory_bytes, n.name) FILTER (WHERE memory_bytes > 0))[1],
    min(memory_bytes) FILTER (WHERE memory_bytes > 0)
FROM registry_node AS n JOIN trust_site AS s ON s.id = n.site_id
WHERE n.state = %s AND starts_with(s.path, %s) GROUP BY tier
"""


@dataclass(frozen=True)
class Shard:
    """An artifact where a plan has put it.

    Attributes:
        key, artifact_sha256, weights_sha256, size_bytes: of the artifact.
    """

    component: str
    seat: Seat
    key: int
    artifact_sha256: str
    weights_sha256: str
    size_bytes: int


def newest(models: QuerySet[Model], number: int | None = None) -> list[ModelVersion]:
    """Return the newest published version of each model, or the one of that number, with components and artifacts."""
    versions = ModelVersion.objects.filter(model__in=models, state=VersionState.PUBLISHED)
    if number is not None:
        versions = versions.filter(number=number)
    ids = versions.order_by("model_id", "-number").distinct("model_id").values("pk")
    found = ModelVersion.objects.filter(pk__in=ids).select_related("model__site")
    return list(found.prefetch_related("components__artifacts").order_by("model__name", "model_id"))


def current(model: Model) -> Rollout | None:
    """Return the rollout that is current for a model, with its plan."""
    rollouts = Rollout.objects.filter(model=model).exclude(state=RolloutState.SUPERSEDED)
    return rollouts.select_related("plan__version").first()


def active_nodes(tenant: Site) -> QuerySet[Node]:
    """Return the nodes that plans of a tenant are compiled for."""
    return Node.objects.filter(within([tenant.path]), state=NodeState.ACTIVE)


def capacities(tenant: Site) -> dict[str, Capacity]:
    """Return tier → its active nodes and the one with the least memory."""
    with connection.cursor() as cursor:
        cursor.execute(CAPACITIES, [NodeState.ACTIVE, tenant.path])
        return {tier: Capacity(nodes, name or "", least or 0) for tier, nodes, name, least in cursor.fetchall()}


def shards(version: ModelVersion, seats: dict[str, Seat]) -> dict[str, Shard]:
    """Return component → the artifact that these seats choose, in order of the components."""
    rows = Artifact.objects.filter(component__version=version).select_related("component")
    found = {(row.component.name, row.variant): row for row in rows.order_by("component__position")}
    return {
        name: Shard(name, seats[name], row.pk, row.artifact_sha256, row.weights_sha256, row.size_bytes)
        for (name, variant), row in found.items()
        if name in seats and seats[name].variant == variant
    }


def placed(plan: ShardingPlan) -> dict[str, Placed]:
    """Return component → how a plan places it, for comparing."""
    found = shards(plan.version, seats_of(plan))
    return {
        name: Placed(shard.seat.tier, shard.seat.variant, plan.version.number, shard.artifact_sha256, shard.size_bytes)
        for name, shard in found.items()
    }


def seats_of(plan: ShardingPlan) -> dict[str, Seat]:
    """Return where each component of a plan runs."""
    return document.seats(plan.document)


def held(tenant: Site, *, without: Model | None = None) -> dict[str, list[Shard]]:
    """Return tier → every shard that its nodes are to hold by the current plans.

    Args:
        without: leave this model's out.
    """
    rollouts = Rollout.objects.filter(model__site=tenant).exclude(state=RolloutState.SUPERSEDED)
    if without is not None:
        rollouts = rollouts.exclude(model=without)
    return by_tier(
        shard
        for rollout in rollouts.select_related("plan__version")
        for shard in shards(rollout.plan.version, seats_of(rollout.plan)).values()
    )


def by_tier(found: Iterable[Shard]) -> dict[str, list[Shard]]:
    """Return shards under the tiers of their seats."""
    tiers: dict[str, list[Shard]] = {}
    for shard in found:
        tiers.setdefault(shard.seat.tier, []).append(shard)
    return tiers
