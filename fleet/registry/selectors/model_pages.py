"""Reads what the pages of models show beside `selectors/models.py`, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet

from fleet.registry.models import Artifact, Component, ModelVersion
from fleet.registry.models.workload_labels import ALL_EVIDENCE
from fleet.registry.selectors import models as selector
from fleet.trust.access import Person

if TYPE_CHECKING:
    from fleet.registry.selectors.models import ListedModel

MOST_IN_LINEAGE = 200  # newest versions drawn as a tree; the table beside it has all of them


@dataclass(frozen=True)
class ModelRow:
    """A model in the list.

    Attributes:
        version: the newest published one.
        last: the newest of all, where it is another.
        components, size_bytes: of the newest published version; its reference variants together.
    """

    model: ListedModel
    version: ModelVersion | None
    last: ModelVersion | None
    components: list[Component]
    size_bytes: int | None


@dataclass(frozen=True)
class Metrics:
    """What was measured of a version: for each kind of evidence, a value between 0 and 1 per name."""

    names: list[str]
    rows: list[tuple[str, list[float | None]]]


@dataclass(frozen=True)
class Branch:
    """A version and what grew from it."""

    version: ModelVersion
    grown: list[Branch]


def rows(user: Person) -> list[ModelRow]:
    """Return every model that the person sees, in order of their names."""
    found = list(selector.models(user))
    newest = ModelVersion.objects.filter(model__in=[model.pk for model in found]).order_by("model_id", "-number")
    last = {version.model_id: version for version in newest.distinct("model_id")}
    published = {model.latest_id for model in found if model.latest_id}
    versions = _with_parts(ModelVersion.objects.filter(pk__in=published)).in_bulk()
    return [_row(model, versions, last.get(model.pk)) for model in found]


def components(version: ModelVersion) -> list[Component]:
    """Return a version's components with their artifacts, the reference first."""
    return list(_with_parts(ModelVersion.objects.filter(pk=version.pk)).get().components.all())


def reference_bytes(found: Iterable[Component]) -> int:
    """Return what the reference variants of components with their artifacts weigh together."""
    return sum(artifact.size_bytes for part in found for artifact in part.artifacts.all() if artifact.is_reference)


def metrics(version: ModelVersion) -> Metrics | None:
    """Return what was measured of a version on held-out data; None where nothing was."""
    kinds = {kind: values for kind, values in version.metrics.items() if isinstance(values, dict)}
    names = list(dict.fromkeys(name for values in kinds.values() for name in values))
    if not names:
        return None
    order = sorted(kinds, key=lambda kind: (kind != ALL_EVIDENCE, kind))
    return Metrics(names, [(kind, [_share(kinds[kind].get(name)) for name in names]) for kind in order])


def _share(millionths: int | None) -> float | None:
    return None if millionths is None else millionths / 1_000_000


def lineage(versions: QuerySet[ModelVersion]) -> list[Branch]:
    """Return the newest versions as trees; one whose parent is not among them begins a tree."""
    found = sorted(versions.order_by("-number")[:MOST_IN_LINEAGE], key=lambda version: version.number)
    branches = {version.pk: Branch(version, []) for version in found}
    roots: list[Branch] = []
    for version in found:
        above = branches.get(version.parent_id) if version.parent_id else None
        (above.grown if above else roots).append(branches[version.pk])
    return roots


def _with_parts(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    artifacts = Artifact.objects.order_by("-is_reference", "key")
    parts = Component.objects.order_by("position").prefetch_related(Prefetch("artifacts", queryset=artifacts))
    return versions.prefetch_related(Prefetch("components", queryset=parts))


def _row(model: ListedModel, versions: dict[object, ModelVersion], last: ModelVersion | None) -> ModelRow:
    version = versions.get(model.latest_id) if model.latest_id else None
    parts = list(version.components.all()) if version else []
    newer = last if last is not None and (version is None or last.pk != version.pk) else None
    return ModelRow(model, version, newer, parts, reference_bytes(parts) if version else None)
