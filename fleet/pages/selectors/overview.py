"""Reads what the overview shows, from the registry and the audit trail, as sentences and proportions.

`site` narrows each answer to that site and those below; None means every site that the person sees.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.pages.core.bars import Piece, pieces
from fleet.pages.core.numbers import plain
from fleet.registry.core.health import Status
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.registry.selectors import nodes
from fleet.registry.selectors.nodes import SiteWall
from fleet.trust.access import Person, Verb, visible, within
from fleet.trust.models import Event, Site
from fleet.trust.selectors import events

# The order of the bar and its legend: healthy first because it is the most, the worst last at the end of the eye's way.
ORDER = (Status.HEALTHY, Status.UPDATING, Status.WAITING, Status.DEGRADED, Status.OFFLINE, Status.CRITICAL)
FINE = (Status.HEALTHY, Status.UPDATING)
RECENT_EVENTS = 6


@dataclass(frozen=True)
class Summary:
    """The head of the page: how many nodes there are, and the sentence that says so."""

    total: int
    sentence: str


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


def summary(user: Person, site: Site | None = None) -> Summary:
    """Return how many nodes there are, at how many sites, and how many need somebody."""
    found = nodes.with_status(nodes.below(user, site)).order_by().values_list("site_id", "status")
    rows = list(found.annotate(number=Count("pk")))
    total = sum(number for _site_id, _status, number in rows)
    needing = sum(number for _site_id, status, number in rows if status not in FINE)
    return Summary(total, _sentence(total, len({site_id for site_id, *_rest in rows}), needing))


def enrolment(user: Person, site: Site | None = None) -> Waiting:
    """Return who waits for this person's decision."""
    pending = visible(nodes.below(user, site).filter(state=NodeState.PENDING), user, Verb.OPERATE)
    first: Node | None = pending.select_related("site").order_by("enrolled_at").first()
    if first is None:
        return Waiting(0, None, "")
    return Waiting(pending.count(), first.enrolled_at, first.site.name)


def wall(user: Person, tier: str | None, site: Site | None = None) -> Wall:
    """Return the wall of the sites, of one tier where one is chosen."""
    walls = nodes.wall(user, tier, site)
    totals = {status: sum(found.counts.get(status.value, 0) for found in walls) for status in ORDER}
    return Wall(walls, pieces([(status.value, number) for status, number in totals.items()]))


def recent_events(user: Person, site: Site | None = None) -> Iterable[Event]:
    """Return the last things that happened."""
    found = events.listing(user)
    return (found if site is None else found.filter(within([site.path])))[:RECENT_EVENTS]


def _sentence(total: int, sites: int, needing: int) -> str:
    """Return the state of the fleet as one would say it aloud."""
    if not total:
        return _("No node is enrolled here.")
    places = ngettext("%(n)d site", "%(n)d sites", sites) % {"n": sites}
    many = ngettext("%(shown)s node in %(sites)s.", "%(shown)s nodes in %(sites)s.", total)
    need = ngettext("%(shown)s needs attention.", "%(shown)s need attention.", needing)
    return _("%(nodes)s %(attention)s") % {
        "nodes": many % {"shown": plain(total), "sites": places},
        "attention": need % {"shown": plain(needing)} if needing else _("All are well."),
    }
