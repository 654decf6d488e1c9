"""Reads models and their versions as a person may see them, in a constant number of queries.

What runs where comes from the nodes' signed reports: a running shard names an artifact by its key,
and matches where the hash of its live tensors is the artifact's.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Func, IntegerField, OuterRef, Q, QuerySet
from django.db.models import Subquery as Sub

from fleet.registry.core.node_states import NodeState
from fleet.registry.core.version_states import VersionState
from fleet.registry.models import Artifact, Model, ModelVersion, RunningShard
from fleet.trust.access import Person, visible

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class ModelColumns(TypedDict):
        """What `models` adds to a model: its latest published version, and how many nodes run any of them."""

        versions_made: int
        latest_id: uuid.UUID | None
        latest_number: int | None
        latest_published_at: datetime | None
        nodes: int
        nodes_differing: int

    class VersionColumns(TypedDict):
        """What `versions` adds to a version: how many nodes run it, and on how many of them tensors differ."""

        nodes: int
        nodes_differing: int

    class RunningColumns(TypedDict):
        """What `runs_on` adds to a running shard."""

        component: str
        variant: str
        expected_sha256: str
        matches: bool

    ListedModel = WithAnnotations[Model, ModelColumns]
    ListedVersion = WithAnnotations[ModelVersion, VersionColumns]
    RunsOn = WithAnnotations[RunningShard, RunningColumns]

GENERATIONS = 8  # shown above and below a version
RELATIVES = 100  # rows of a lineage: training makes very many children


@dataclass(frozen=True)
class Relative:
    """One row of a lineage.

    Attributes:
        depth: how far it is indented; the oldest one shown stands at 0.
    """

    version: ModelVersion
    depth: int


@dataclass(frozen=True)
class Counts:
    """How many nodes run a version; on `differing` of them live tensors are not the published ones."""

    nodes: int
    differing: int


def models(user: Person) -> QuerySet[ListedModel]:
    """Return the models that `user` sees, in order of their names, with the latest published version of each."""
    own = ModelVersion.objects.filter(model=OuterRef("pk"))
    latest = own.filter(state=VersionState.PUBLISHED).order_by("-number")
    artifacts = Artifact.objects.filter(component__version__model=OuterRef(OuterRef("pk")))
    found = visible(Model.objects.select_related("site", "created_by"), user).annotate(
        versions_made=Sub(own.order_by().annotate(count=_count("pk")).values("count")),
        latest_id=Sub(latest.values("pk")[:1]),
        latest_number=Sub(latest.values("number")[:1]),
        latest_published_at=Sub(latest.values("published_at")[:1]),
        nodes=_nodes(_running(artifacts)),
        nodes_differing=_nodes(_differing(_running(artifacts))),
    )
    return found.order_by("name", "site__path")


def versions(user: Person) -> QuerySet[ListedVersion]:
    """Return the versions that `user` sees, by model, the newest first, with how many nodes run each."""
    found = ModelVersion.objects.select_related("model__site", "parent", "created_by")
    artifacts = Artifact.objects.filter(component__version=OuterRef(OuterRef("pk")))
    return (
        visible(found, user)
        .annotate(nodes=_nodes(_running(artifacts)), nodes_differing=_nodes(_differing(_running(artifacts))))
        .order_by("model__name", "model__site__path", "-number")
    )


def published(user: Person) -> QuerySet[ListedVersion]:
    """Return the versions that `user` sees and that may be planned, by model, the newest first."""
    return versions(user).filter(state=VersionState.PUBLISHED)


def detailed(user: Person) -> QuerySet[ListedVersion]:
    """Return the versions that `user` sees, each with its components and their artifacts at hand."""
    return versions(user).prefetch_related("components__artifacts")


def same_weights(version: ModelVersion) -> list[int]:
    """Return the numbers of the model's other published versions with the very same weights."""
    if not version.manifest_sha256:
        return []
    same = ModelVersion.objects.filter(model=version.model_id, manifest_sha256=version.manifest_sha256)
    return list(same.exclude(pk=version.pk).order_by("number").values_list("number", flat=True))


def runs_on(user: Person, version: ModelVersion) -> QuerySet[RunsOn]:
    """Return where a version runs now: each of its shards in a node's process, as the node last proved it."""
    running = _running(Artifact.objects.filter(component__version=version))
    found = visible(_with_artifact(running).select_related("node__site"), user)
    return found.order_by("node__site__path", "node__name", "shard")


def runs_on_counts(user: Person, version: ModelVersion) -> Counts:
    """Return how many nodes run a version."""
    differing = Count("node", distinct=True, filter=Q(matches=False))
    counted = runs_on(user, version).order_by().aggregate(nodes=Count("node", distinct=True), differing=differing)
    return Counts(**counted)


def lineage(version: ModelVersion) -> list[Relative]:
    """Return the versions that this one comes from and that come from it, each below its parent.

    At most GENERATIONS up and down, and RELATIVES in all: the oldest children first.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LINEAGE, {"id": version.pk, "most": GENERATIONS, "rows": RELATIVES})
        found = [row[0] for row in cursor.fetchall()]
    relatives = ModelVersion.objects.in_bulk(found)
    children: dict[uuid.UUID | None, list[ModelVersion]] = defaultdict(list)
    for relative in sorted(relatives.values(), key=lambda relative: relative.number):
        shown = relative.parent_id if relative.parent_id in relatives else None
        children[shown].append(relative)
    return list(_indented(children))


_LINEAGE = """
WITH RECURSIVE above AS (
    SELECT id, parent_id, 0 AS steps FROM registry_modelversion WHERE id = %(id)s
    UNION ALL
    SELECT v.id, v.parent_id, steps + 1 FROM registry_modelversion v JOIN above ON v.id = above.parent_id
    WHERE steps < %(most)s
), below AS (
    SELECT id, number, 0 AS steps FROM registry_modelversion WHERE id = %(id)s
    UNION ALL
    SELECT v.id, v.number, steps + 1 FROM registry_modelversion v JOIN below ON v.parent_id = below.id
    WHERE steps < %(most)s
)
SELECT id FROM above
UNION (SELECT id FROM below ORDER BY steps, number LIMIT %(rows)s)
"""


def _indented(children: dict[uuid.UUID | None, list[ModelVersion]]) -> list[Relative]:
    """Return parents before their children, depth first."""
    rows: list[Relative] = []
    waiting = [Relative(version, 0) for version in reversed(children[None])]
    while waiting:
        row = waiting.pop()
        rows.append(row)
        waiting += [Relative(child, row.depth + 1) for child in reversed(children.get(row.version.pk, []))]
    return rows


def _running(artifacts: QuerySet[Artifact]) -> QuerySet[RunningShard]:
    """Return where these artifacts run; a retired node runs nothing of ours."""
    return RunningShard.objects.exclude(node__state=NodeState.RETIRED).filter(shard__in=artifacts.values("key"))


def _with_artifact(running: QuerySet[RunningShard]) -> QuerySet[RunsOn]:
    """Annotate what a running shard is and should be. A device names it by a number, which no foreign key holds."""
    artifact = Artifact.objects.filter(key=OuterRef("shard"))
    return running.annotate(
        component=Sub(artifact.values("component__name")[:1]),
        variant=Sub(artifact.values("variant")[:1]),
        expected_sha256=Sub(artifact.values("weights_sha256")[:1]),
        matches=ExpressionWrapper(Q(expected_sha256=F("weights_sha256")), output_field=BooleanField()),
    )


def _differing(running: QuerySet[RunningShard]) -> QuerySet[RunsOn]:
    return _with_artifact(running).filter(matches=False)


def _nodes(running: QuerySet[RunningShard]) -> Sub:
    """Return the number of different nodes in a correlated subquery."""
    return Sub(running.order_by().annotate(count=_count("node_id")).values("count"))


def _count(column: str) -> Func:
    """Count different values as a plain function: an aggregate would group the subquery by its row."""
    template = "COUNT(DISTINCT %(expressions)s)"
    return Func(F(column), template=template, output_field=IntegerField())
