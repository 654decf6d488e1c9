"""Reads what the overview shows, from the registry and telemetry, as sentences and proportions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.pages.core.bars import Piece, pieces
from fleet.registry.core.health import Reason, Status
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.registry.selectors import nodes
from fleet.registry.selectors.nodes import SiteWall
from fleet.trust.access import Person, Verb, visible

# The order of the bar and its legend: healthy first because it is the most, the worst last at the end of the eye's way.
ORDER = (Status.HEALTHY, Status.UPDATING, Status.WAITING, Status.DEGRADED, Status.OFFLINE, Status.CRITICAL)
MOST_GROUPS = 5
MOST_SITES = 4  # named in one line; the list shows all


@dataclass(frozen=True)
class Cause:
    """One line of "needs attention": what, where, and the list that shows it."""

    status: Status
    title: str
    detail: str
    href: str
    verb: str


@dataclass(frozen=True)
class Attention:
    """The causes that are shown, and how many nodes are in those that are not."""

    causes: list[Cause]
    more: int


@dataclass(frozen=True)
class Summary:
    """The sentence at the head of the page, as numbers."""

    total: int
    attention: int


@dataclass(frozen=True)
class Waiting:
    """Devices that wait for a decision, and the one that waits longest."""

    count: int
    oldest: datetime | None
    site: str


@dataclass(frozen=True)
class Wall:
    """Every site's cells, and the whole fleet as a bar."""

    sites: list[SiteWall]
    bar: list[Piece]


def summary(counts: dict[str, int]) -> Summary:
    """Return how many nodes there are, and how many need somebody."""
    total = sum(number for status, number in counts.items() if status != Status.RETIRED)
    fine = counts[Status.HEALTHY] + counts[Status.UPDATING]
    return Summary(total, total - fine)


def attention(user: Person) -> Attention:
    """Return what needs attention, grouped by cause, the most nodes first."""
    by_cause: dict[tuple[Status, Reason], list[nodes.Attention]] = {}
    for group in nodes.needs_attention(user):
        if group.status != Status.WAITING:  # those stand under "changes in progress"
            by_cause.setdefault((group.status, group.reason), []).append(group)
    groups = sorted(by_cause.values(), key=lambda same: -sum(group.nodes for group in same))
    hidden = sum(group.nodes for same in groups[MOST_GROUPS:] for group in same)
    return Attention([_cause(same) for same in groups[:MOST_GROUPS]], hidden)


def enrolment(user: Person) -> Waiting:
    """Return who waits for this person's decision."""
    pending = visible(Node.objects.filter(state=NodeState.PENDING), user, Verb.OPERATE)
    first = pending.select_related("site").order_by("enrolled_at").first()
    if first is None:
        return Waiting(0, None, "")
    return Waiting(pending.count(), first.enrolled_at, first.site.name)


def wall(user: Person, tier: str | None) -> Wall:
    """Return the wall of the sites, of one tier where one is chosen."""
    sites = nodes.wall(user, tier)
    totals = {status: sum(site.counts.get(status.value, 0) for site in sites) for status in ORDER}
    return Wall(sites, pieces([(status.value, number) for status, number in totals.items()]))


def _cause(same: list[nodes.Attention]) -> Cause:
    """Return the line for nodes that share status and reason, at one site or at several."""
    first, number = same[0], sum(group.nodes for group in same)
    query = {"status": first.status.value} | ({"site": first.site.path} if len(same) == 1 else {})
    title = TITLES.get(first.reason, _other)(number)
    return Cause(first.status, title, _places(same), f"{reverse('nodes')}?{urlencode(query)}", _("View nodes"))


def _places(same: list[nodes.Attention]) -> str:
    """Return where the nodes are, with their number where it is several sites."""
    if len(same) == 1:
        return same[0].site.name
    named = ", ".join(f"{group.site.name} {group.nodes}" for group in same[:MOST_SITES])
    more = len(same) - MOST_SITES
    if more <= 0:
        return named
    return ngettext("%(named)s and %(n)d more site", "%(named)s and %(n)d more sites", more) % {
        "named": named,
        "n": more,
    }


def _silent(n: int) -> str:
    return ngettext("%(n)d node went silent", "%(n)d nodes went silent", n) % {"n": n}


def _never_seen(n: int) -> str:
    return ngettext("%(n)d node never connected", "%(n)d nodes never connected", n) % {"n": n}


def _quarantined(n: int) -> str:
    return ngettext("%(n)d node is in quarantine", "%(n)d nodes are in quarantine", n) % {"n": n}


def _memory(n: int) -> str:
    return ngettext("%(n)d node has almost no memory left", "%(n)d nodes have almost no memory left", n) % {"n": n}


def _temperature(n: int) -> str:
    return ngettext("%(n)d node is too hot", "%(n)d nodes are too hot", n) % {"n": n}


def _load(n: int) -> str:
    return ngettext("%(n)d node has an overloaded processor", "%(n)d nodes have an overloaded processor", n) % {"n": n}


def _round_trip(n: int) -> str:
    return ngettext("%(n)d node answers slowly", "%(n)d nodes answer slowly", n) % {"n": n}


def _other(n: int) -> str:
    return ngettext("%(n)d node needs attention", "%(n)d nodes need attention", n) % {"n": n}


TITLES: dict[Reason, Callable[[int], str]] = {
    Reason.SILENT: _silent,
    Reason.NEVER_SEEN: _never_seen,
    Reason.QUARANTINED: _quarantined,
    Reason.MEMORY: _memory,
    Reason.TEMPERATURE: _temperature,
    Reason.LOAD: _load,
    Reason.ROUND_TRIP: _round_trip,
}
