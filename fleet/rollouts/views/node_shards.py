"""The shards of one node, as a part of its page."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from fleet.registry.selectors import nodes
from fleet.rollouts.selectors import node_shards as selector
from fleet.trust.views.people import person


@require_safe
def node_shards(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Show what a node shall run against what it proves; the node's page asks for it and keeps it fresh."""
    user = person(request)
    found = get_object_or_404(nodes.listing(user), uid=uid)
    context = {"node": found, "standing": selector.of(user, found)}
    return render(request, "rollouts/_node_shards.html", context)
