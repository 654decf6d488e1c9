"""The node list: filters, order and page are in the address; rows on screen are patched, never moved."""

import uuid
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.registry.core.health import NEEDS_ATTENTION, Status
from fleet.registry.filters import NodeFilter
from fleet.registry.models.labels import STATUS_LABELS
from fleet.registry.selectors import nodes as selector
from fleet.trust.access import Verb, can_anywhere
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import sites
from fleet.trust.views.people import person, wanted_panel

PAGE = 50
Text = str | Promise

# Column, heading, whether its cells are figures.
COLUMNS: tuple[tuple[str, Text, bool], ...] = (
    ("name", _("Node"), False),
    ("status", _("Status"), False),
    ("tier", _("Tier"), False),
    ("site", _("Site"), False),
    ("rtt", _("Round trip"), True),
    ("cpu", _("CPU"), True),
    ("memory", _("Memory"), True),
    ("last_seen", _("Last seen"), True),
)
VIEWS: tuple[tuple[Text, tuple[Status, ...]], ...] = (
    (_("All"), ()),
    (_("Needs attention"), NEEDS_ATTENTION),
    (_("Offline"), (Status.OFFLINE,)),
    (_("Waiting"), (Status.WAITING,)),
)


@dataclass(frozen=True)
class Tab:
    """A saved view: a filter with a name."""

    label: Text
    query: str
    count: int
    current: bool


@dataclass(frozen=True)
class Chip:
    """One active filter, readable as part of a sentence, and the list without it."""

    label: Text
    value: str
    without: str


@dataclass(frozen=True)
class Column:
    """A heading that sorts; `sort` is the present direction for `aria-sort`, empty where another column sorts."""

    label: Text
    query: str
    is_figure: bool
    sort: str


def nodes(request: HttpRequest) -> HttpResponse:
    """Show the nodes that the address describes; only the list where a filter of the page asks again."""
    user = person(request)
    counts = selector.status_counts(user)
    chosen = NodeFilter(request.GET, queryset=selector.listing(user))
    page = Paginator(chosen.qs, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "total": sum(counts.values()) - counts[Status.RETIRED],
        "tabs": tabs(request.GET, counts),
        "chips": chips(request.GET),
        "columns": columns(request.GET),
        "tiers": Tier.choices,
        "tier_chosen": request.GET.getlist("tier"),
        "status_chosen": request.GET.getlist("status"),
        "good_news": is_attention(request.GET),
        "checked": timezone.now(),
        "topics": {node.site_id for node in page.object_list},
        "statuses": STATUS_LABELS.items(),
        "sites": sites.listing(user),
        "may_enrol": can_anywhere(user, Verb.OPERATE),
    }
    return render(request, "registry/_node_list.html" if wanted_panel(request) else "registry/nodes.html", context)


def rows(request: HttpRequest) -> HttpResponse:
    """Return the rows of the named nodes as they are now, for patching them in place."""
    try:
        ids = [uuid.UUID(text) for text in request.GET.get("ids", "").split(",") if text][:PAGE]
    except ValueError:
        return HttpResponseBadRequest()
    found = selector.listing(person(request)).filter(uid__in=ids)
    return render(request, "registry/_node_rows.html", {"nodes": found})


def tabs(query: QueryDict, counts: dict[str, int]) -> list[Tab]:
    """Return the saved views with how many nodes each holds."""
    wanted = set(query.getlist("status"))
    result = []
    for label, statuses in VIEWS:
        names = statuses or tuple(status for status in Status if status != Status.RETIRED)
        count = sum(counts[status] for status in names)
        result.append(Tab(label, altered(query, status=[*statuses]), count, wanted == set(statuses)))
    return result


def chips(query: QueryDict) -> list[Chip]:
    """Return the active filters as words."""
    words: list[tuple[str, Text, list[str]]] = [
        ("q", _("Text"), query.getlist("q")[-1:] if query.get("q") else []),
        ("status", _("Status"), [str(STATUS_LABELS[Status(s)]) for s in query.getlist("status") if s in set(Status)]),
        ("tier", _("Tier"), [str(Tier(t).label) for t in query.getlist("tier") if t in Tier.values]),
        ("site", _("Site"), [query.get("site", "").rstrip("/")] if query.get("site") else []),
    ]
    return [Chip(label, ", ".join(values), altered(query, **{name: []})) for name, label, values in words if values]


def is_attention(query: QueryDict) -> bool:
    """Say whether the address asks for nothing but nodes in a bad state, so that finding none is good news."""
    wanted = set(query.getlist("status"))
    narrowed = any(query.get(name) for name in ("q", "tier", "site"))
    return bool(wanted) and wanted <= set(NEEDS_ATTENTION) and not narrowed


def columns(query: QueryDict) -> list[Column]:
    """Return the headings; following one sorts by it, following it again turns the order around."""
    ordering = query.get("ordering", "name")
    result = []
    for name, label, is_figure in COLUMNS:
        sort = {name: "ascending", f"-{name}": "descending"}.get(ordering, "")
        # The first click shows what matters: the worst status, the highest figure.
        first, second = (f"-{name}", name) if is_figure else (name, f"-{name}")
        following = second if ordering == first else first
        result.append(Column(label, altered(query, ordering=[following]), is_figure, sort))
    return result


def altered(query: QueryDict, **changes: list[str]) -> str:
    """Return the query string with some parameters replaced, from its first page."""
    copy = query.copy()
    copy.pop("page", None)
    for name, values in changes.items():
        copy.setlist(name, values)
    return f"?{copy.urlencode()}"
