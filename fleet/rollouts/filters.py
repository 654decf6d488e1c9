"""Narrows lists of plans and rollouts, in the same way for REST and for a page's address."""

import contextlib
import uuid
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from fleet.rollouts.models import Assignment, Rollout, ShardingPlan
from fleet.rollouts.models.rollout import ASSIGNMENT_LABELS, ROLLOUT_LABELS


def of_model(queryset: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
    """Keep what belongs to a model, by its name or its id."""
    condition = Q(model__name=value)
    with contextlib.suppress(ValueError):  # not an id: a name, then
        condition |= Q(model=uuid.UUID(value))
    return queryset.filter(condition)


class PlanFilter(django_filters.FilterSet):
    model = django_filters.CharFilter(method=of_model, label=_("Model"), help_text="Name or id.")

    class Meta:
        model = ShardingPlan
        fields: list[str] = []


class RolloutFilter(django_filters.FilterSet):
    model = django_filters.CharFilter(method=of_model, label=_("Model"), help_text="Name or id.")
    state = django_filters.MultipleChoiceFilter(choices=ROLLOUT_LABELS, label=_("State"))

    class Meta:
        model = Rollout
        fields: list[str] = []


class AssignmentFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=ASSIGNMENT_LABELS, label=_("State"))

    class Meta:
        model = Assignment
        fields: list[str] = []
