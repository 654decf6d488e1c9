"""Search and jump: what the palette offers for a few typed letters."""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from fleet.pages import extensions
from fleet.pages.navigation import Place, places
from fleet.registry.core.health import NEEDS_ATTENTION
from fleet.registry.selectors import models, nodes
from fleet.rollouts.selectors import plan_pages
from fleet.trust.access import Verb, can_anywhere, visible
from fleet.trust.models import Site
from fleet.trust.views.people import person, typed

ATTENTION = [("status", status.value) for status in NEEDS_ATTENTION]
MOST = 6  # of each kind; the palette fits a screen


def search(request: HttpRequest) -> HttpResponse:
    """Return the options for `q`: nodes, models, plans, sites, pages and actions the person may use."""
    text = typed(request, "q")
    context: dict[str, Any] = {
        "q": text,
        "pages": _pages(text),
        "actions": _actions(request, text),
        "nodes": [],
        "sites": [],
        "models": [],
        "plans": [],
        "groups": [],
    }
    if text:
        found = nodes.listing(request.user).filter(Q(name__icontains=text) | Q(site__name__icontains=text))
        context["nodes"] = found.order_by("name")[:MOST]
        context["models"] = models.models(request.user).filter(name__icontains=text)[:MOST]
        context["plans"] = _plans(request, text)
        found_more = [find(person(request), text, MOST) for find in extensions.groups.values()]
        context["groups"] = [group for group in found_more if group.options]
        context["sites"] = visible(Site.objects.all(), request.user).filter(name__icontains=text)[:MOST]
    return render(request, "pages/_results.html", context)


def _plans(request: HttpRequest, text: str) -> list[plan_pages.PlanRow]:
    """Return the plans whose hash begins with the text, or whose model is called so, the newest first."""
    wanted = Q(plan_sha256__startswith=text.casefold()) | Q(model__name__icontains=text)
    return [plan_pages.row(plan) for plan in plan_pages.plans(person(request)).filter(wanted)[:MOST]]


def _pages(text: str) -> list[Place]:
    """Return the pages whose name carries the text."""
    return [place for place in places() if text.casefold() in str(place.label).casefold()]


def _actions(request: HttpRequest, text: str) -> list[tuple[str, str, str]]:
    """Return (label, address, icon) of what may be done and carries the text."""
    actions = [(_("Show nodes that need attention"), f"{reverse('nodes')}?{urlencode(ATTENTION)}", "nodes")]
    if can_anywhere(request.user, Verb.RELEASE):
        actions.append((_("New plan"), reverse("plan-new"), "plans"))
        actions.append((_("Publish a model"), reverse("model-new"), "models"))
    for more in extensions.actions.values():
        actions.extend(more(person(request)))
    if can_anywhere(request.user, Verb.OPERATE):
        actions.append((_("Enrol a node"), reverse("enrolment"), "plus"))
    return [action for action in actions if text.casefold() in action[0].casefold()]
