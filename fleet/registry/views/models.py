"""Models and their versions: what there is, what it is made of, where it came from, where it runs now."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from fleet.registry.selectors import model_pages
from fleet.registry.selectors import models as selector
from fleet.trust.access import Verb, can, can_anywhere
from fleet.trust.selectors import events
from fleet.trust.views.people import person, wanted_panel
from muster.workloads import catalogue

PAGE = 25
LARGEST_NUMBER = (1 << 31) - 1
RECENT_EVENTS = 8
MODEL_PANELS = {"versions": "registry/_versions.html"}
VERSION_PANELS = {"runs-on": "registry/_runs_on.html", "version-head": "registry/_version_head.html"}


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """Show the models that the person sees; only the list where the page keeps itself fresh."""
    rows = model_pages.rows(person(request))
    context = {
        "rows": rows,
        "sentence": _sentence(rows),
        "may_release": can_anywhere(person(request), Verb.RELEASE),
        "problems": catalogue.problems(),
    }
    is_list = wanted_panel(request) == "model-list"
    return render(request, "registry/_model_list.html" if is_list else "registry/models.html", context)


@require_safe
def model(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one model with its versions."""
    user = person(request)
    found: Any = get_object_or_404(selector.models(user), pk=pk)  # annotated by the selector
    versions = selector.versions(user).filter(model=found)
    context = {
        "model": found,
        "page": Paginator(versions.order_by("-number"), PAGE).get_page(request.GET.get("page")),
        "sentence": _state_of(found.latest_number, found.nodes),
        "lineage": model_pages.lineage(versions),
        "may_release": can(user, Verb.RELEASE, found),
        "events": events.about(user, found.pk)[:RECENT_EVENTS],
    }
    return render(request, MODEL_PANELS.get(wanted_panel(request) or "", "registry/model.html"), context)


@require_safe
def version(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """Show one version: components, hashes, metrics, and the nodes that prove that they run it."""
    user = person(request)
    if number > LARGEST_NUMBER:  # more than the column holds
        raise Http404
    found = get_object_or_404(selector.versions(user), model=pk, number=number)
    parts = model_pages.components(found)
    context = {
        "model": found.model,
        "version": found,
        "may_release": can(user, Verb.RELEASE, found.model),
        "components": parts,
        "size_bytes": model_pages.reference_bytes(parts),
        "parameters": sum(a.parameters for part in parts for a in part.artifacts.all() if a.is_reference),
        "page": Paginator(selector.runs_on(user, found), PAGE).get_page(request.GET.get("page")),
        "same": selector.same_weights(found),
        "metrics": model_pages.metrics(found),
    }
    return render(request, VERSION_PANELS.get(wanted_panel(request) or "", "registry/version.html"), context)


def _sentence(rows: list[model_pages.ModelRow]) -> str:
    """Return how many models there are and how many run, as one would say it aloud."""
    running = sum(1 for row in rows if row.model.nodes)
    many = ngettext("%(n)d model.", "%(n)d models.", len(rows)) % {"n": len(rows)}
    if not running:
        return _("%(models)s No node runs one yet.") % {"models": many}
    run = ngettext("%(n)d runs on nodes now.", "%(n)d run on nodes now.", running) % {"n": running}
    return _("%(models)s %(running)s") % {"models": many, "running": run}


def _state_of(newest: int | None, nodes: int) -> str:
    if newest is None:
        return _("No version of it is published yet.")
    if not nodes:
        return _("Version %(number)d is the newest; no node runs the model.") % {"number": newest}
    return ngettext(
        "Version %(number)d is the newest; %(nodes)d node runs a part of the model.",
        "Version %(number)d is the newest; %(nodes)d nodes run a part of the model.",
        nodes,
    ) % {"number": newest, "nodes": nodes}
