"""Narrows and sorts lists of nodes, in the same way for REST and for the page's address."""

from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from fleet.registry.core.health import Status
from fleet.registry.models import Node
from fleet.registry.models.labels import STATUS_LABELS
from fleet.registry.models.node import STATE_LABELS
from fleet.registry.selectors.nodes import by_severity
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors.sites import normal_path

# What may be sorted by, and the column behind it. Nothing else is ever put into ORDER BY.
ORDERINGS = {
    "name": "name",
    "status": "severity",
    "tier": "tier",
    "site": "site__path",
    "cpu": "presence__cpu",
    "memory": "presence__memory_used_bytes",
    "rtt": "presence__rtt_us",
    "last_seen": "presence__seen_at",
}


class NodeOrdering(django_filters.OrderingFilter):
    """Sorts by the named columns, then by name, so that pages never overlap; what is not known comes last."""

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        words = [word for word in value or [] if word]
        if not words:
            return qs
        terms = [
            F(ORDERINGS[word[1:]]).desc(nulls_last=True)
            if word.startswith("-")
            else F(ORDERINGS[word]).asc(nulls_last=True)
            for word in words
        ]
        return by_severity(qs).order_by(*terms, "name", "key")


class NodeFilter(django_filters.FilterSet):
    """For nodes that `selectors.nodes.with_status` has annotated."""

    q = django_filters.CharFilter(
        method="search",
        label=_("Search"),
        help_text="Part of the name, the name of the site, the device type or the fingerprint.",
    )
    status = django_filters.MultipleChoiceFilter(
        choices=[(status.value, STATUS_LABELS[status]) for status in Status], label=_("Status")
    )
    tier = django_filters.MultipleChoiceFilter(choices=Tier.choices, label=_("Tier"))
    state = django_filters.ChoiceFilter(choices=STATE_LABELS, label=_("State"))
    site = django_filters.CharFilter(
        method="at_site", label=_("Site"), help_text="Path of a site; everything below it counts."
    )
    device_type = django_filters.CharFilter(label=_("Device type"))
    ordering = NodeOrdering(fields={name: name for name in ORDERINGS})

    class Meta:
        model = Node
        fields: list[str] = []

    def search(self, queryset: QuerySet[Node], _name: str, value: str) -> QuerySet[Node]:
        return queryset.filter(
            Q(name__icontains=value)
            | Q(site__name__icontains=value)
            | Q(device_type__icontains=value)
            | Q(fingerprint__icontains=value)
        )

    def at_site(self, queryset: QuerySet[Node], _name: str, value: str) -> QuerySet[Node]:
        return queryset.filter(site__path__startswith=normal_path(value))
