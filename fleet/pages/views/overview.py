"""The overview: what needs attention, what is changing, how the fleet is. Every panel can be asked for alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from fleet.pages import extensions
from fleet.pages.selectors import changes
from fleet.pages.selectors import overview as selector
from fleet.pages.selectors.attention import attention
from fleet.pages.selectors.headline import headlines
from fleet.trust.access import Verb, can_anywhere
from fleet.trust.models import Site, User
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import sites
from fleet.trust.views.people import person, wanted_panel

RANGES = ("15m", "1h", "6h", "24h", "7d")
DEFAULT_RANGE = "1h"
Context = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """What the address narrows the page to."""

    user: User
    range: str
    site: Site | None
    tier: str | None


def overview(request: HttpRequest) -> HttpResponse:
    """Show the overview, or the one panel of it that keeps itself fresh."""
    scope = _scope(request)
    context: Context = {"scope": scope, "range": scope.range}
    panel = wanted_panel(request)
    if panel in PANELS:
        return render(request, f"pages/_overview_{panel}.html", context | PANELS[panel](scope))
    for build in PANELS.values():
        context |= build(scope)
    context |= {
        "ranges": RANGES,
        "sites": sites.listing(scope.user),
        "may_enrol": can_anywhere(scope.user, Verb.OPERATE),
    }
    return render(request, "pages/overview.html", context)


def _scope(request: HttpRequest) -> Scope:
    """Return range, site and tier as the address names them; a name that fits nothing narrows nothing."""
    user, wanted = person(request), request.GET
    span, path, tier = wanted.get("range", ""), wanted.get("site", ""), wanted.get("tier", "")
    return Scope(
        user,
        span if span in RANGES else DEFAULT_RANGE,
        sites.listing(user).filter(path=sites.normal_path(path)).first() if path else None,
        tier if tier in Tier.values else None,
    )


def _sentence(scope: Scope) -> Context:
    return {"summary": selector.summary(scope.user, scope.site)}


def _attention(scope: Scope) -> Context:
    return {"attention": attention(scope.user, scope.site), "checked": timezone.now()}


def _changes(scope: Scope) -> Context:
    more = [change(scope.user) for change in extensions.changes.values()]
    return {
        "enrolment": selector.enrolment(scope.user, scope.site),
        "pushes": changes.pushes(scope.user),
        "more": [change for change in more if change.rows],
    }


def _figures(scope: Scope) -> Context:
    return {"figures": headlines(scope.user, scope.site)}


def _wall(scope: Scope) -> Context:
    return {"wall": selector.wall(scope.user, scope.tier, scope.site), "tiers": Tier.choices}


def _events(scope: Scope) -> Context:
    return {"events": selector.recent_events(scope.user, scope.site)}


PANELS: dict[str, Callable[[Scope], Context]] = {
    "sentence": _sentence,
    "attention": _attention,
    "changes": _changes,
    "figures": _figures,
    "wall": _wall,
    "events": _events,
}
