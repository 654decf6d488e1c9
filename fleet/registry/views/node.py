"""One node: what it is, how it is and why, its live figures, its events, and what may be done with it."""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from fleet.registry.core.node_states import STEPS, Action, NodeState, actions
from fleet.registry.forms import ReasonForm
from fleet.registry.models import Node
from fleet.registry.selectors import nodes as selector
from fleet.registry.services import nodes as services
from fleet.trust.access import can, require
from fleet.trust.selectors import events
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person, wanted_panel

RECENT_EVENTS = 8
EVENTS = 100
RANGES = ("5m", "1h", "6h")
PANELS = {
    "node-head": "registry/_node_head.html",
    "node-events": "registry/_node_events.html",
    "node-inference": "registry/_node_inference.html",
}


@dataclass(frozen=True)
class Move:
    """An action with what its dialog says before it is done."""

    action: Action
    label: str | Promise
    question: str | Promise
    consequence: str | Promise
    is_grave: bool


MOVES = (
    Move(
        Action.APPROVE,
        gettext_lazy("Approve"),
        gettext_lazy("Approve this node?"),
        gettext_lazy("It connects within a few seconds and its figures are stored from then on."),
        False,
    ),
    Move(
        Action.REFUSE,
        gettext_lazy("Refuse"),
        gettext_lazy("Refuse this node?"),
        gettext_lazy("Its key can never enrol here again. The device would have to make a new one."),
        True,
    ),
    Move(
        Action.QUARANTINE,
        gettext_lazy("Quarantine"),
        gettext_lazy("Put this node in quarantine?"),
        gettext_lazy(
            "Its connection is closed at once. It keeps measuring and sends what it kept once it is released."
        ),
        True,
    ),
    Move(
        Action.RELEASE,
        gettext_lazy("Release"),
        gettext_lazy("Release this node from quarantine?"),
        gettext_lazy("It may connect again at once."),
        False,
    ),
    Move(
        Action.RETIRE,
        gettext_lazy("Retire"),
        gettext_lazy("Retire this node for good?"),
        gettext_lazy(
            "Its connection is closed and its key can never enrol here again. Stored figures stay until they expire."
        ),
        True,
    ),
)


def node(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Show a node; only one panel of the page where the page keeps itself fresh."""
    user = person(request)
    found = get_object_or_404(selector.listing(user), uid=uid)
    chosen = request.GET.get("range", RANGES[0])
    context = {
        "node": found,
        "presence": getattr(found, "presence", None),
        "tab": request.GET.get("tab", "live"),
        "range": chosen if chosen in RANGES else RANGES[0],
        "ranges": RANGES,
        "holds_shards": selector.holds_shards(found),
        "moves": [move for move in MOVES if allowed(request, found, move.action)],
        "events": events.about(user, found.uid)[: EVENTS if request.GET.get("tab") == "events" else RECENT_EVENTS],
    }
    return render(request, PANELS.get(wanted_panel(request) or "", "registry/node.html"), context)


@require_POST
def act(request: HttpRequest, uid: uuid.UUID, action: str) -> HttpResponse:
    """Do what was confirmed in a dialog, and say what came of it."""
    if action not in set(Action):
        raise Http404
    found = get_object_or_404(selector.listing(person(request)), uid=uid)
    require(person(request), STEPS[Action(action)].needs, found)
    form = ReasonForm(request.POST, needs_reason=action != Action.APPROVE)
    if not form.is_valid():
        messages.error(request, form.problem())
        return redirect("node", uid=uid)
    try:
        services.move(found, Action(action), actor=actor(request), reason=form.cleaned_data["reason"])
        messages.success(request, _("%(node)s: the change was made.") % {"node": found.name})
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("node", uid=uid)


def allowed(request: HttpRequest, found: Node, action: Action) -> bool:
    """Say whether the node's state and the person's role both let `action` happen."""
    return action in actions(NodeState(found.state)) and can(person(request), STEPS[action].needs, found)
