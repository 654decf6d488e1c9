"""Topology: the way of each model's requests through terminal, edge and cloud, with what was measured on it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fleet.rollouts.selectors import topology as selector
from fleet.trust.views.people import person, wanted_panel


@require_safe
def topology(request: HttpRequest) -> HttpResponse:
    """Draw the active plan of each model; only the drawings where the page keeps itself fresh."""
    context = {"routes": selector.routes(person(request))}
    is_panel = wanted_panel(request) == "routes"
    return render(request, "rollouts/_routes.html" if is_panel else "rollouts/topology.html", context)
