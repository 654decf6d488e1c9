"""The overview: what needs attention, what is changing, how the fleet is. Every panel can be asked for alone."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from fleet.pages.selectors import overview as selector
from fleet.pages.selectors.headline import headlines
from fleet.registry.selectors import nodes
from fleet.trust.access import Verb, can_anywhere
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import events, sites
from fleet.trust.views.people import person, wanted_panel

RANGES = ("15m", "1h", "6h", "24h", "7d")
RECENT_EVENTS = 6
Context = dict[str, Any]


def overview(request: HttpRequest) -> HttpResponse:
    """Show the overview, or the one panel of it that keeps itself fresh."""
    panel = wanted_panel(request)
    if panel in PANELS:
        return render(request, f"pages/_overview_{panel}.html", {**_scope(request), **PANELS[panel](request)})
    context = _scope(request)
    for build in PANELS.values():
        context |= build(request)
    context |= {"ranges": RANGES, "sites": sites.listing(person(request))}
    return render(request, "pages/overview.html", context)


def _scope(request: HttpRequest) -> Context:
    """Return range, site and tier as the address names them."""
    chosen, tier = request.GET.get("range", "1h"), request.GET.get("tier", "")
    return {
        "range": chosen if chosen in RANGES else "1h",
        "site_path": request.GET.get("site", ""),
        "tier": tier if tier in Tier.values else "",
    }


def _attention(request: HttpRequest) -> Context:
    """Return what needs a person, and the sentence at the head of the page."""
    user = person(request)
    counts = nodes.status_counts(user)
    return {
        "attention": selector.attention(user),
        "summary": selector.summary(counts),
        "checked": timezone.now(),
        "may_enrol": can_anywhere(user, Verb.OPERATE),
    }


def _changes(request: HttpRequest) -> Context:
    return {"enrolment": selector.enrolment(person(request))}


def _figures(request: HttpRequest) -> Context:
    return {"figures": headlines(person(request))}


def _wall(request: HttpRequest) -> Context:
    tier = request.GET.get("tier", "")
    return {"wall": selector.wall(person(request), tier if tier in Tier.values else None), "tiers": Tier.choices}


def _events(request: HttpRequest) -> Context:
    return {"events": events.listing(person(request))[:RECENT_EVENTS]}


PANELS: dict[str, Callable[[HttpRequest], Context]] = {
    "attention": _attention,
    "changes": _changes,
    "figures": _figures,
    "wall": _wall,
    "events": _events,
}
