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
    groups = [group for group in nodes.needs_attention(user) if group.status != Status.WAITING]
    causes = [_cause(group) for group in groups[:MOST_GROUPS]]
    return Attention(causes, sum(group.nodes for group in groups[MOST_GROUPS:]))


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


def _cause(group: nodes.Attention) -> Cause:
    query = urlencode({"status": group.status.value, "site": group.site.path})
    title = TITLES.get(group.reason, _other)(group.nodes)
    return Cause(group.status, title, group.site.name, f"{reverse('nodes')}?{query}", _("View nodes"))


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


def _cpu(n: int) -> str:
    return ngettext("%(n)d node has a saturated processor", "%(n)d nodes have a saturated processor", n) % {"n": n}


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
    Reason.CPU: _cpu,
    Reason.ROUND_TRIP: _round_trip,
}
