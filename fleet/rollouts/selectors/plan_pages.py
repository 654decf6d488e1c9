"""Reads what the pages of plans show, from what the person may see of models and nodes."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from fleet.registry.core.version_states import VersionState
from fleet.registry.models import Model, ModelVersion
from fleet.rollouts.core.diff import Change
from fleet.rollouts.core.placing import Seat
from fleet.rollouts.core.rollout_states import RolloutState
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.selectors import placements
from fleet.rollouts.selectors import plans as selector
from fleet.rollouts.selectors.drawing import Drawing, drawing
from fleet.trust.access import Person
from muster.workloads import catalogue

PLAN_STATES: dict[str, str | Promise] = {
    "active": pgettext_lazy("sharding plan", "Active"),
    "pushing": pgettext_lazy("sharding plan", "Being pushed"),
    "earlier": pgettext_lazy("sharding plan", "Earlier"),
    "never": pgettext_lazy("sharding plan", "Never pushed"),
}


@dataclass(frozen=True)
class PlanRow:
    """A plan in the list, with its state as a word for programs and one for people."""

    plan: ShardingPlan
    state: str
    label: str | Promise


@dataclass(frozen=True)
class Sums:
    """What changes together.

    Attributes:
        nodes: how many hold a part of the plan.
        fetching: how many of them fetch something.
        total_bytes: what all of them fetch together.
    """

    nodes: int
    fetching: int
    total_bytes: int
    changed: int
    kept: int


def plans(user: Person) -> QuerySet[ShardingPlan]:
    """Return the plans that the person sees, the newest first, with what their state is derived from."""
    pushes = Rollout.objects.filter(plan=OuterRef("pk"))
    now = pushes.exclude(state=RolloutState.SUPERSEDED).values("state")[:1]
    return selector.listing(user).annotate(current_state=Subquery(now), was_pushed=Exists(pushes))


def row(plan: ShardingPlan) -> PlanRow:
    """Return a plan of `plans` with its state."""
    by_rollout = {RolloutState.RUNNING.value: "pushing", RolloutState.DONE.value: "active"}
    before = "earlier" if plan.was_pushed else "never"  # type: ignore[attr-defined]
    state = by_rollout.get(plan.current_state or "", before)  # type: ignore[attr-defined]
    return PlanRow(plan, state, PLAN_STATES[state])


def published(user: Person) -> list[ModelVersion]:
    """Return the newest published version of each model that the person may plan for."""
    return placements.newest(selector.models(user))


def numbers(model: Model) -> list[int]:
    """Return the published versions of a model, the newest first."""
    versions = model.versions.filter(state=VersionState.PUBLISHED).order_by("-number")
    return list(versions.values_list("number", flat=True))


def sums(changes: list[Change]) -> Sums:
    """Return what changes together; a tier's nodes count once, however many components they hold."""
    nodes = {change.after.tier: change.nodes for change in changes if change.after}
    fetching = {change.after.tier: change.nodes for change in changes if change.after and change.fetch_bytes}
    differing = sum(1 for change in changes if change.differs)
    return Sums(
        nodes=sum(nodes.values()),
        fetching=sum(fetching.values()),
        total_bytes=sum(change.total_bytes for change in changes),
        changed=differing,
        kept=len(changes) - differing,
    )


def draw(
    version: ModelVersion,
    seats: Mapping[str, Seat],
    before: ShardingPlan | None,
    *,
    details: Mapping[str, str] | None = None,
    name: str = "lanes",
) -> Drawing | None:
    """Return the drawing of a placement, or None where this server does not have its workload."""
    try:
        workload = catalogue.get(version.model.workload)
    except catalogue.UnknownWorkload:
        return None
    known = {component.name for component in workload.components}
    placement = {at: {"tier": seat.tier, "variant": seat.variant} for at, seat in seats.items() if at in known}
    nodes = {tier: capacity.nodes for tier, capacity in placements.capacities(version.model.site).items()}
    title = _("Where each component of %(model)s runs") % {"model": version.model.name}
    sizes = {(shard.component, shard.seat.variant): shard.size_bytes for shard in _shards(version, seats)}
    old = before.components if before is not None else None
    return drawing(workload, placement, title=title, nodes=nodes, before=old, sizes=sizes, details=details, name=name)


def _shards(version: ModelVersion, seats: Mapping[str, Seat]) -> list[placements.Shard]:
    return list(placements.shards(version, dict(seats)).values())
