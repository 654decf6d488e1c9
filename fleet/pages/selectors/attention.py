"""What needs a person, grouped by cause, as the lines of the overview."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.registry.core.health import NEEDS_ATTENTION, Reason, Status
from fleet.registry.selectors import nodes
from fleet.trust.access import Person
from fleet.trust.models import Site

MOST_GROUPS = 5
MOST_SITES = 4  # named in one line; the list shows all


@dataclass(frozen=True)
class Cause:
    """One line of "needs attention": what, where, since when, and the list that shows it."""

    status: Status
    title: str
    detail: str
    since: datetime | None
    href: str


@dataclass(frozen=True)
class Attention:
    """The causes that are shown.

    Attributes:
        more: nodes in causes that are not shown.
        total: every node that needs somebody, those that wait for approval included.
        href: the list of them.
    """

    causes: list[Cause]
    more: int
    total: int
    href: str


def attention(user: Person, site: Site | None = None) -> Attention:
    """Return what needs attention, grouped by cause, the most nodes first; at `site` and below where one is chosen."""
    found = nodes.needs_attention(user, site)
    by_cause: dict[tuple[Status, Reason], list[nodes.Attention]] = {}
    for group in found:
        if group.status != Status.WAITING:  # those stand under "changes in progress"
            by_cause.setdefault((group.status, group.reason), []).append(group)
    groups = sorted(by_cause.values(), key=lambda same: -_number(same))
    return Attention(
        causes=[_cause(same, site) for same in groups[:MOST_GROUPS]],
        more=sum(_number(same) for same in groups[MOST_GROUPS:]),
        total=_number(found),
        href=_list([status.value for status in NEEDS_ATTENTION], site),
    )


def _number(groups: list[nodes.Attention]) -> int:
    return sum(group.nodes for group in groups)


def _cause(same: list[nodes.Attention], scope: Site | None) -> Cause:
    """Return the line for nodes that share status and reason, at one site or at several."""
    first = same[0]
    href = _list([first.status.value], first.site if len(same) == 1 else scope)
    since = min((group.since for group in same if group.since is not None), default=None)
    return Cause(first.status, TITLES.get(first.reason, _other)(_number(same)), _places(same), since, href)


def _list(statuses: list[str], site: Site | None) -> str:
    """Return the address of the node list with these statuses, at one site or at all."""
    query: dict[str, object] = {"status": statuses} | ({"site": site.path} if site else {})
    return f"{reverse('nodes')}?{urlencode(query, doseq=True)}"


def _places(same: list[nodes.Attention]) -> str:
    """Return where the nodes are, with their number where it is several sites."""
    if len(same) == 1:
        return same[0].site.name
    comma = pgettext("between the members of a list", ", ")
    named = comma.join(_("%(site)s %(n)d") % {"site": group.site.name, "n": group.nodes} for group in same[:MOST_SITES])
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


def _live_mismatch(n: int) -> str:
    return ngettext(
        "%(n)d node runs other weights than were published", "%(n)d nodes run other weights than were published", n
    ) % {"n": n}


def _target_failed(n: int) -> str:
    return ngettext("%(n)d node could not take on its target", "%(n)d nodes could not take on their target", n) % {
        "n": n
    }


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
    Reason.LIVE_MISMATCH: _live_mismatch,
    Reason.TARGET_FAILED: _target_failed,
}
