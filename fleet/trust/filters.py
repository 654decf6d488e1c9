"""Narrows lists of events."""

import django_filters
from django.db.models import QuerySet

from fleet.trust.models import Event
from fleet.trust.selectors.sites import normal_path


class EventFilter(django_filters.FilterSet):
    verb = django_filters.CharFilter(help_text="Like `node.approved`.")
    target = django_filters.UUIDFilter("target_id", help_text="What it happened to.")
    site = django_filters.CharFilter(method="at_site", help_text="Path of a site; everything below it counts.")

    class Meta:
        model = Event
        fields: list[str] = []

    def at_site(self, queryset: QuerySet[Event], _name: str, value: str) -> QuerySet[Event]:
        return queryset.filter(site__path__startswith=normal_path(value))
