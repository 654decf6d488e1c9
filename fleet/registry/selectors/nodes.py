"""Reads nodes as a person may see them, with the status that is derived from their lease and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Case, CharField, Count, DateTimeField, F, FloatField, Min, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Now, NullIf
from django.db.models.lookups import GreaterThanOrEqual

from fleet.registry.core.health import (
    LETTERS,
    LIMITS,
    NEEDS_ATTENTION,
    RULES,
    SEVERITY,
    UNDER_WAY,
    Figure,
    Reason,
    Sign,
    Status,
)
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.trust.access import Person, visible, within
from fleet.trust.models import Site
from muster.wire.targets import ReportState

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class StatusColumns(TypedDict):
        """What `with_status` adds to a node."""

        status: str
        status_reason: str

    StatusNode = WithAnnotations[Node, StatusColumns]

FIGURES = {
    Figure.MEMORY_SHARE: Cast("presence__memory_used_bytes", FloatField()) / NullIf(F("memory_bytes"), Value(0)),
    Figure.TEMPERATURE_C: F("presence__temperature_c"),
    Figure.LOAD_PER_CORE: F("presence__load1") / NullIf(F("cpu_cores"), Value(0)),
    Figure.RTT_US: F("presence__rtt_us"),
}
SIGNS = {
    Sign.LIVE_MISMATCH: Q(report__live_mismatch=True),
    Sign.FAILED: Q(report__state=ReportState.FAILED),
    # An older report says nothing of the newest target: until the device has taken that, what serves is what was asked.
    Sign.ON_ITS_WAY: Q(
        report__state__in=UNDER_WAY,
        report__release_epoch=F("target__release_epoch"),
        report__counter=F("target__counter"),
    ),
}
# When a node came into its status. Nothing records when a figure first went beyond its limit.
SINCE = Case(
    When(status_reason=Reason.SILENT, then=F("presence__expires_at")),
    When(status_reason__in=(Reason.QUARANTINED, Reason.NEVER_SEEN), then=F("state_since")),
    When(status_reason=Reason.UNDECIDED, then=F("enrolled_at")),
    output_field=DateTimeField(null=True),
)


@dataclass(frozen=True)
class SiteWall:
    """The nodes of one site as one letter each (`core.health.LETTERS`), in order of their names."""

    site: Site
    cells: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Attention:
    """Nodes of one site that need a person, for one reason.

    Attributes:
        since: when the first of them came into this state; None where nothing records it.
    """

    site: Site
    status: Status
    reason: Reason
    nodes: int
    since: datetime | None = None


def with_status(queryset: QuerySet[Node], now: datetime | None = None) -> QuerySet[StatusNode]:
    """Annotate `status` and `status_reason`, computed in the database by the rules of `core/health.py`.

    Args:
        now: the moment at which leases are judged; the database's own clock without it.
    """
    rules = _rules(Now() if now is None else Value(now))
    return queryset.annotate(
        status=_case([(when, status) for when, status, _reason in rules], Status.HEALTHY),
        status_reason=_case([(when, reason) for when, _status, reason in rules], Reason.NONE),
    )


def by_severity(queryset: QuerySet[StatusNode]) -> QuerySet[StatusNode]:
    """Annotate `severity` on nodes with a status: 0 is the worst."""
    places = [When(status=status, then=Value(place)) for place, status in enumerate(SEVERITY)]
    return queryset.annotate(severity=Case(*places, default=Value(len(SEVERITY))))


def listing(user: Person) -> QuerySet[StatusNode]:
    """Return the nodes that `user` sees, with site, presence and status, in order of their names."""
    nodes = visible(Node.objects.select_related("site", "presence"), user)
    return with_status(nodes).order_by("name", "key")


def holds_shards(node: Node) -> bool:
    """Say whether the node shall run something, or does."""
    placed = Q(target__shards__len__gt=0) | Q(running__isnull=False)
    return Node.objects.filter(placed, pk=node.pk).exists()


def status_counts(user: Person, sites: Iterable[Site] | None = None) -> dict[str, int]:
    """Return how many nodes have each status, zeros included.

    Args:
        sites: count only the nodes at these very sites.
    """
    nodes = visible(Node.objects.all(), user)
    if sites is not None:
        nodes = nodes.filter(site__in=sites)
    rows = with_status(nodes).order_by().values_list("status").annotate(number=Count("pk"))
    return {status.value: 0 for status in Status} | dict(rows)


def below(user: Person, site: Site | None) -> QuerySet[Node]:
    """Return the nodes that `user` sees and that are not retired: all, or those at `site` and below."""
    nodes = visible(Node.objects.exclude(state=NodeState.RETIRED), user)
    return nodes if site is None else nodes.filter(within([site.path]))


def wall(user: Person, tier: str | None = None, site: Site | None = None) -> list[SiteWall]:
    """Return every visible site that has nodes, with a letter for each of them; retired ones are left out.

    Args:
        tier: only the nodes of this tier.
        site: only this site and those below.
    """
    nodes = below(user, site)
    if tier is not None:
        nodes = nodes.filter(tier=tier)
    rows = with_status(nodes).order_by("site__path", "name", "key").values_list("site_id", "status")
    statuses: dict[object, list[Status]] = {}
    for site_id, status in rows:
        statuses.setdefault(site_id, []).append(Status(status))
    sites = Site.objects.in_bulk(list(statuses))
    return [_wall(sites[site_id], found) for site_id, found in statuses.items()]


def needs_attention(user: Person, site: Site | None = None) -> list[Attention]:
    """Return what needs a person, grouped by site, status and reason, the most nodes first.

    Args:
        site: only this site and those below.
    """
    nodes = with_status(below(user, site)).filter(status__in=NEEDS_ATTENTION)
    causes = nodes.order_by().values_list("site_id", "status", "status_reason")
    rows = list(causes.annotate(number=Count("pk"), first=Min(SINCE)))
    sites = Site.objects.in_bulk({site_id for site_id, *_rest in rows})
    groups = [
        Attention(sites[site_id], Status(status), Reason(reason), number, first)
        for site_id, status, reason, number, first in rows
    ]
    return sorted(groups, key=lambda group: (-group.nodes, SEVERITY.index(group.status), group.site.path))


def _rules(now: Now | Value) -> list[tuple[Q, Status, Reason]]:
    """Return what decides a status, the first that holds first."""
    rules = [
        (Q(state=NodeState.RETIRED), Status.RETIRED, Reason.RETIRED),
        (Q(state=NodeState.PENDING), Status.WAITING, Reason.UNDECIDED),
        (Q(state=NodeState.QUARANTINED), Status.CRITICAL, Reason.QUARANTINED),
        (Q(presence__expires_at=None), Status.OFFLINE, Reason.NEVER_SEEN),
        (Q(presence__expires_at__lte=now), Status.OFFLINE, Reason.SILENT),
    ]
    signs = [(SIGNS[rule.sign], rule.status, rule.reason) for rule in RULES]
    limits = [(_at_least(FIGURES[limit.figure], limit.least), limit.status, limit.reason) for limit in LIMITS]
    return rules + sorted(signs + limits, key=lambda rule: SEVERITY.index(rule[1]))  # stable: order among equals stays


def _at_least(figure: object, least: float) -> Q:
    return Q(GreaterThanOrEqual(figure, Value(least)))


def _case(choices: list[tuple[Q, Status | Reason]], otherwise: Status | Reason) -> Case:
    whens = [When(condition, then=Value(choice.value)) for condition, choice in choices]
    return Case(*whens, default=Value(otherwise.value), output_field=CharField())


def _wall(site: Site, statuses: list[Status]) -> SiteWall:
    counts = Counter(status.value for status in statuses)
    return SiteWall(site, "".join(LETTERS[status] for status in statuses), dict(counts))
