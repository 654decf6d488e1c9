"""Works out what a wish means: which model, where each component goes, what stands against it. Writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.registry.models import Model, ModelVersion
from fleet.rollouts.core import diff, document, placing
from fleet.rollouts.core.diff import Change, Placed
from fleet.rollouts.core.placing import Capacity, Refusal, Seat
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.selectors import placements
from fleet.rollouts.services.refusals import AmbiguousModel, NoModel, WorkloadUnfit, not_a_mapping, refused
from muster.workloads import catalogue
from muster.workloads.declaration import Workload

MAX_KEYS = 64  # more components than any node takes shards
MAX_NAME = 64


@dataclass(frozen=True)
class Draft:
    """A plan that was not made yet.

    Attributes:
        current: the rollout that is current for the model.
        refusals: what stands against it; empty where it may be made and pushed.
        changes: what would become of each component.
    """

    version: ModelVersion
    seats: dict[str, Seat]
    document: dict[str, Any]
    plan_sha256: str
    current: Rollout | None
    refusals: list[Refusal]
    changes: list[Change]

    @property
    def model(self) -> Model:
        return self.version.model


def draft(*, models: QuerySet[Model], mapping: object, model: str | None = None, version: int | None = None) -> Draft:
    """Return the plan that a mapping component → tier means.

    Args:
        models: those that may be planned for.
        mapping: as it came; components that it does not name keep their place.
        model: name or id; without it, the one published model that owns all keys.
        version: a published number; without it, the newest.

    Raises:
        PlanMalformed: the mapping is none, or names a component or a tier that does not exist.
        NoModel, AmbiguousModel: not exactly one model is meant.
        WorkloadUnfit: the model's workload is not here in its version.
    """
    wish = _read(mapping)
    chosen = _resolve(models, wish, model, version)
    wrong = placing.unknown(wish, [component.name for component in chosen.components.all()])
    if wrong:
        raise refused(wrong)
    workload = declaration(chosen)
    current = placements.current(chosen.model)
    before = placements.seats_of(current.plan) if current else {}
    declared = {component.name: component.default_tier for component in chosen.components.all()}
    tiers = placing.complete(wish, {name: seat.tier for name, seat in before.items()}, declared)
    seats, refusals = placing.seats(workload, tiers, _published(chosen))
    capacities = placements.capacities(chosen.model.site)
    refusals += check(chosen, workload, seats, capacities)
    plan = document.document(str(chosen.model_id), chosen.manifest_sha256, seats)
    changes = compare(chosen, seats, current, capacities)
    return Draft(chosen, seats, plan, document.plan_sha256(plan), current, refusals, changes)


def declaration(version: ModelVersion) -> Workload:
    """Return the workload that a version was published with.

    Raises:
        WorkloadUnfit: its package is not installed here, or in another version.
    """
    name = version.model.workload
    try:
        workload = catalogue.get(name)
    except catalogue.UnknownWorkload as error:
        raise WorkloadUnfit(_("The workload “%(name)s” is not installed here.") % {"name": name}) from error
    if workload.version != version.workload_version:
        numbers = {"name": name, "here": workload.version, "published": version.workload_version}
        raise WorkloadUnfit(
            _("The workload “%(name)s” is here in version %(here)d; this was published with %(published)d.") % numbers
        )
    return workload


def check(
    version: ModelVersion, workload: Workload, seats: Mapping[str, Seat], capacities: Mapping[str, Capacity]
) -> list[Refusal]:
    """Return what stands against these seats as the fleet is now, all models together."""
    tiers = {name: seat.tier for name, seat in seats.items()}
    beside = placements.held(version.model.site, without=version.model)
    own = placements.by_tier(placements.shards(version, dict(seats)).values())
    sizes = {tier: [shard.size_bytes for shard in [*beside.get(tier, []), *found]] for tier, found in own.items()}
    return [
        *placing.leaving(workload, tiers),
        *placing.without_nodes(tiers, capacities),
        *placing.too_large(sizes, capacities),
    ]


def check_plan(plan: ShardingPlan) -> list[Refusal]:
    """Return what stands against pushing a plan now."""
    version = plan.version
    return check(version, declaration(version), placements.seats_of(plan), placements.capacities(version.model.site))


def compare(
    version: ModelVersion, seats: Mapping[str, Seat], current: Rollout | None, capacities: Mapping[str, Capacity]
) -> list[Change]:
    """Return what becomes of each component when these seats take over from the current plan."""
    after = {
        name: Placed(shard.seat.tier, shard.seat.variant, version.number, shard.artifact_sha256, shard.size_bytes)
        for name, shard in placements.shards(version, dict(seats)).items()
    }
    held = placements.held(version.model.site)
    return diff.changes(
        placements.placed(current.plan) if current else {},
        after,
        nodes={tier: capacity.nodes for tier, capacity in capacities.items()},
        held={tier: {shard.artifact_sha256 for shard in found} for tier, found in held.items()},
    )


def compare_plan(plan: ShardingPlan) -> list[Change]:
    """Return what pushing a plan now would change."""
    tenant = plan.model.site
    current = placements.current(plan.model)
    return compare(plan.version, placements.seats_of(plan), current, placements.capacities(tenant))


def _read(mapping: object) -> dict[str, str]:
    """Return a wish as it came, once it is an object of short texts."""
    if not isinstance(mapping, Mapping) or len(mapping) > MAX_KEYS:
        raise not_a_mapping()
    for text in (*mapping.keys(), *mapping.values()):
        if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME:
            raise not_a_mapping()
    return dict(mapping)


def _resolve(models: QuerySet[Model], wish: Mapping[str, str], model: str | None, number: int | None) -> ModelVersion:
    """Return the version that is meant."""
    published = placements.newest(models, number)
    if model:
        named = [version for version in published if model in (version.model.name, str(version.model_id))]
        return _only(named, published, _named_missing(model, number))
    owning = [version for version in published if wish.keys() <= {part.name for part in version.components.all()}]
    missing = _("No published model has all of these components: %(names)s.") % {"names": ", ".join(wish)}
    return _only(owning, published, missing)


def _named_missing(model: str, number: int | None) -> str:
    if number is None:
        return _("There is no published model “%(name)s” that you may plan for.") % {"name": model}
    return _("There is no published version %(number)d of a model “%(name)s” that you may plan for.") % {
        "number": number,
        "name": model,
    }


def _only(found: list[ModelVersion], published: list[ModelVersion], missing: str) -> ModelVersion:
    if len(found) == 1:
        return found[0]
    if found:
        text = _("Several models fit: %(names)s. Say which one you mean.") % {"names": ", ".join(_names(found))}
        raise AmbiguousModel(text, fields={"model": _names(found)})
    names = _names(published)
    raise NoModel(f"{missing} {_there_are(published)}", fields={"model": names} if names else {})


def _there_are(published: list[ModelVersion]) -> str:
    if not published:
        return _("None is published yet.")
    parts = [
        f"{version.model.name} ({', '.join(part.name for part in version.components.all())})" for version in published
    ]
    return _("There are: %(models)s.") % {"models": "; ".join(parts)}


def _names(versions: list[ModelVersion]) -> list[str]:
    """Return what to say for each model to mean it alone: its name, or its id where two tenants use one name."""
    names = [version.model.name for version in versions]
    return [
        str(version.model_id) if names.count(version.model.name) > 1 else version.model.name for version in versions
    ]


def _published(version: ModelVersion) -> dict[str, dict[str, bool]]:
    return {
        component.name: {artifact.variant: artifact.is_reference for artifact in component.artifacts.all()}
        for component in version.components.all()
    }
