"""Reads the paths that requests take through the tiers: each model's active plan with what was measured on it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from fleet.rollouts.core.rollout_states import RolloutState
from fleet.rollouts.models import Rollout
from fleet.rollouts.selectors import placements, plan_pages, rollouts
from fleet.rollouts.selectors.drawing import Drawing
from fleet.rollouts.selectors.placements import Shard
from fleet.telemetry.selectors import answered as latency
from fleet.telemetry.selectors.answered import Answered
from fleet.trust.access import Person

MOST_MODELS = 20  # drawn on one page


@dataclass(frozen=True)
class Hop:
    """One component on its tier, with what its nodes answered in the last half minute."""

    shard: Shard
    answered: Answered | None


@dataclass(frozen=True)
class Route:
    """A model's active plan."""

    rollout: Rollout
    drawing: Drawing | None
    hops: list[Hop]


def routes(user: Person) -> list[Route]:
    """Return the active plans of the models that the person sees, in order of the models' names."""
    current = rollouts.listing(user).exclude(state=RolloutState.SUPERSEDED).order_by("model__name", "model_id")
    return [_route(rollout, number) for number, rollout in enumerate(current[:MOST_MODELS])]


def _route(rollout: Rollout, number: int) -> Route:
    version, seats = rollout.plan.version, placements.seats_of(rollout.plan)
    shards = placements.shards(version, seats)
    answered = latency.lately([shard.key for shard in shards.values()])
    hops = [Hop(shard, answered.get(shard.key)) for shard in shards.values()]
    details = {hop.shard.component: _detail(hop) for hop in hops}
    return Route(rollout, plan_pages.draw(version, seats, None, details=details, name=f"lanes-{number}"), hops)


def _detail(hop: Hop) -> str:
    """Return a component's second line: its variant, and the time inside it where it was measured."""
    if hop.answered is None or hop.answered.mean_us is None:
        return hop.shard.seat.variant
    return _("%(variant)s, %(ms)s ms") % {
        "variant": hop.shard.seat.variant,
        "ms": f"{hop.answered.mean_us / 1000:.1f}",
    }
