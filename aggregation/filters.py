"""Narrows lists of jobs, rounds and members, in the same way for REST and for a page's address."""

import contextlib
import uuid
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from aggregation.models import Member, TrainingJob
from aggregation.models.job import STATE_LABELS
from aggregation.models.round import MEMBER_LABELS


class JobFilter(django_filters.FilterSet):
    model = django_filters.CharFilter(method="of_model", label=_("Model"), help_text="Name or id.")
    state = django_filters.MultipleChoiceFilter(choices=STATE_LABELS, label=_("State"))

    class Meta:
        model = TrainingJob
        fields: list[str] = []

    def of_model(self, queryset: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Keep the jobs of a model, by its name or its id."""
        condition = Q(model__name=value)
        with contextlib.suppress(ValueError):  # not an id: a name, then
            condition |= Q(model=uuid.UUID(value))
        return queryset.filter(condition)


class MemberFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=MEMBER_LABELS, label=_("State"))

    class Meta:
        model = Member
        fields: list[str] = []
