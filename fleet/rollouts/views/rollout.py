"""One push: what every node shall run against what it proves that it runs, live."""

import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from fleet.rollouts.selectors import progress_pages as selector
from fleet.rollouts.selectors import rollouts
from fleet.trust.selectors import events
from fleet.trust.views.people import person, typed, wanted_panel

PAGE = 25
RECENT_EVENTS = 8
PANELS = {"rollout-head": "rollouts/_rollout_head.html", "rollout-nodes": "rollouts/_rollout_nodes.html"}


@require_safe
def rollout(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a push; only one panel of the page where it keeps itself fresh."""
    user = person(request)
    found = get_object_or_404(rollouts.listing(user).select_related("previous__plan"), pk=pk)
    state = typed(request, "state")
    pieces = selector.pieces(user, found)
    desired = rollouts.desired(found)
    page = Paginator(selector.lines(user, found, state), PAGE).get_page(request.GET.get("page"))
    context = {
        "rollout": found,
        "pieces": pieces,
        "total": sum(piece.count for piece in pieces),
        "sentence": selector.sentence(found, pieces),
        "state": state if state in selector.LABELS else "",
        "state_label": selector.LABELS.get(state, ""),
        "page": page,
        "lines": [selector.line(assignment, desired) for assignment in page.object_list],
        "events": events.about(user, found.pk)[:RECENT_EVENTS],
    }
    return render(request, PANELS.get(wanted_panel(request) or "", "rollouts/rollout.html"), context)
