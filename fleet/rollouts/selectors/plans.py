"""Reads plans as a person may see them."""

from django.db.models import Exists, OuterRef, QuerySet

from fleet.registry.models import Model
from fleet.rollouts.core.rollout_states import RolloutState
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.trust.access import Person, Verb, visible


def listing(user: Person, verb: Verb = Verb.VIEW) -> QuerySet[ShardingPlan]:
    """Return the plans of the models on which `user` may `verb`, the newest first, each with `is_current`."""
    plans = ShardingPlan.objects.select_related("model__site", "version", "created_by")
    pushed = Rollout.objects.filter(plan=OuterRef("pk")).exclude(state=RolloutState.SUPERSEDED)
    return visible(plans, user, verb).annotate(is_current=Exists(pushed)).order_by("-created_at", "-id")


def models(user: Person) -> QuerySet[Model]:
    """Return the models for which `user` may make and push plans."""
    return visible(Model.objects.all(), user, Verb.RELEASE)
