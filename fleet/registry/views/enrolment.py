"""Enrolment: make a token, watch its device call in, decide who may join."""

import uuid
from typing import Any

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from fleet.registry.core.node_states import Action, NodeState
from fleet.registry.forms import ReasonForm, TokenForm
from fleet.registry.models import Node
from fleet.registry.services import nodes as services
from fleet.trust.access import Verb, can_anywhere, require, visible
from fleet.trust.selectors import enrol_command, enrolment_tokens
from fleet.trust.services import enrolment_tokens as tokens
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person, wanted_panel

# From this many on the operator types the count, so that nobody approves a flood with one click.
TYPED_ABOVE = 20
# One page of decisions; the rest follow when these are made.
MOST_WAITING = 200
# What htmx takes as "nothing more will change here".
STOP_POLLING = 286
PANELS = {"waiting": "registry/_waiting.html", "tokens": "registry/_tokens.html"}


@require_GET
def enrolment(request: HttpRequest) -> HttpResponse:
    """Show the form for a token, the tokens in use and the devices that wait."""
    return _page(request, template=PANELS.get(wanted_panel(request) or "", "registry/enrolment.html"))


@require_POST
def token_create(request: HttpRequest) -> HttpResponse:
    """Make a token and show the command with its secret, once."""
    form = TokenForm(request.POST, user=person(request))
    if not form.is_valid():
        return _page(request, form=form, status=400)
    values = form.values()
    require(person(request), Verb.OPERATE, values["site"])
    try:
        token, secret = tokens.create(actor=actor(request), **values)
    except DomainError as error:
        form.add_error(None, str(error))
        return _page(request, form=form, status=400)
    command = enrol_command.for_secret(secret)
    return _page(request, new_token=token, command=command, qr=qr(command), seconds_left=_seconds_left(token))


@require_GET
def token_progress(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the line that says whether devices have called in with a token."""
    token = get_object_or_404(enrolment_tokens.listing(person(request), Verb.OPERATE), pk=pk)
    devices = token.nodes.order_by("-enrolled_at")
    left = _seconds_left(token)
    context = {"new_token": token, "devices": devices, "seconds_left": left}
    undecided = any(device.state == NodeState.PENDING for device in devices)
    over = not undecided and (not left or token.revoked_at is not None or token.uses >= token.max_uses)
    return render(request, "registry/_token_progress.html", context, status=STOP_POLLING if over else 200)


@require_POST
def token_revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End a token at once."""
    token = get_object_or_404(enrolment_tokens.listing(person(request), Verb.OPERATE), pk=pk)
    try:
        tokens.revoke(token, actor=actor(request))
        messages.success(request, _("The token %(token)s no longer works.") % {"token": token})
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("enrolment")


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Approve or refuse the ticked devices; each is its own move, and one that was decided meanwhile is named."""
    action = Action.REFUSE if request.POST.get("action") == Action.REFUSE else Action.APPROVE
    chosen = list(_waiting(request).filter(uid__in=_uids(request)))
    problem = _problem(request, action, len(chosen))
    if problem:
        messages.error(request, problem)
        return redirect("enrolment")
    done = 0
    for found in chosen:
        try:
            services.move(found, action, actor=actor(request), reason=request.POST.get("reason", "").strip())
            done += 1
        except DomainError as error:
            messages.warning(request, f"{found.name}: {error}")
    messages.success(request, _summary(action, done))
    return redirect("enrolment")


def qr(text: str) -> SafeString:
    """Return a QR code as SVG, dark on light in both themes so that every camera reads it."""
    code = segno.make(text, error="l", micro=False)
    svg = code.svg_inline(
        scale=3, border=2, dark="#12161a", light="#ffffff", omitsize=True, title=_("QR code with the same command")
    )
    return mark_safe(svg)  # noqa: S308 (segno writes shapes only; the text itself is not in it)


def _page(
    request: HttpRequest, *, template: str = "registry/enrolment.html", status: int = 200, **more: Any
) -> HttpResponse:
    user = person(request)
    context = {
        "may_operate": can_anywhere(user, Verb.OPERATE),
        "form": TokenForm(user=user),
        "tokens": enrolment_tokens.usable(user, Verb.OPERATE),
        "waiting": _waiting(request)[:MOST_WAITING],
        "typed_above": TYPED_ABOVE,
    }
    return render(request, template, context | more, status=status)


def _waiting(request: HttpRequest) -> Any:
    """Return the devices on which this person decides, the longest waiting first."""
    pending = Node.objects.filter(state=NodeState.PENDING).select_related("site")
    return visible(pending, person(request), Verb.OPERATE).order_by("enrolled_at")


def _uids(request: HttpRequest) -> list[uuid.UUID]:
    """Return the ticked ids; what is no id names no device."""
    result = []
    for text in request.POST.getlist("uid"):
        try:
            result.append(uuid.UUID(text))
        except ValueError:
            continue
    return result


def _problem(request: HttpRequest, action: Action, number: int) -> str:
    """Return why the decision cannot be carried out, or nothing."""
    if not number:
        return _("No device was chosen, or they were decided meanwhile.")
    form = ReasonForm(request.POST, needs_reason=action is Action.REFUSE)
    if not form.is_valid():
        return form.problem()
    if number > TYPED_ABOVE and request.POST.get("typed_count", "").strip() != str(number):
        return _("Type %(number)d to confirm a decision about %(number)d devices.") % {"number": number}
    return ""


def _summary(action: Action, done: int) -> str:
    if action is Action.REFUSE:
        return ngettext("%(n)d device was refused.", "%(n)d devices were refused.", done) % {"n": done}
    return ngettext("%(n)d device was approved.", "%(n)d devices were approved.", done) % {"n": done}


def _seconds_left(token: Any) -> int:
    return max(0, int((token.expires_at - timezone.now()).total_seconds()))
