"""Sharding plans: the list, one plan with what pushing it would change, and the push itself."""

import json
import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fleet.registry.forms import ReasonForm
from fleet.rollouts.models import ShardingPlan
from fleet.rollouts.selectors import placements
from fleet.rollouts.selectors import plan_pages as selector
from fleet.rollouts.services import drafts, pushes
from fleet.rollouts.services.refusals import WorkloadUnfit, sentence
from fleet.trust.access import Verb, can, can_anywhere, require
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person, wanted_panel

PAGE = 25


@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    """Show the plans of the models that the person sees; only the list where the page keeps itself fresh."""
    user = person(request)
    page = Paginator(selector.plans(user), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [selector.row(plan) for plan in page.object_list],
        "may_release": can_anywhere(user, Verb.RELEASE),
        "has_models": bool(selector.published(user)),
    }
    is_list = wanted_panel(request) == "plan-list"
    return render(request, "rollouts/_plan_list.html" if is_list else "rollouts/plans.html", context)


@require_safe
def plan(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one plan: where each component runs, what pushing it would change, and what stands against that."""
    user = person(request)
    found = get_object_or_404(selector.plans(user), pk=pk)
    current = placements.current(found.model)
    other = current.plan if current and current.plan_id != found.pk else None
    context = {
        "plan": found,
        "row": selector.row(found),
        "current": current,
        "other": other,
        "drawing": selector.draw(found.version, placements.seats_of(found), other),
        "document": json.dumps(found.document, indent=2, sort_keys=True, ensure_ascii=False),
        "rollouts": found.rollouts.select_related("created_by").order_by("-created_at", "-pk"),
        "may_push": can(user, Verb.RELEASE, found.model),
    }
    return render(request, "rollouts/plan.html", context | _consequences(found))


@require_POST
def push(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Push what was confirmed in the dialog, and go to where its progress is shown."""
    found = get_object_or_404(selector.plans(person(request)), pk=pk)
    require(person(request), Verb.RELEASE, found.model)
    form = ReasonForm(request.POST, needs_reason=True)
    if not form.is_valid():
        messages.error(request, form.problem())
        return redirect("plan", pk=pk)
    try:
        rollout = pushes.push(plan=found, actor=actor(request), reason=form.cleaned_data["reason"])
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("plan", pk=pk)
    messages.success(request, _("The plan was pushed. Every node proves here what it runs."))
    return redirect("rollout", pk=rollout.pk)


def _consequences(found: ShardingPlan) -> dict[str, Any]:
    """Return what pushing a plan now would change, and what stands against it."""
    try:
        refusals = [sentence(refusal) for refusal in drafts.check_plan(found)]
    except WorkloadUnfit as error:
        refusals = [str(error)]
    changes = drafts.compare_plan(found)
    return {"refusals": refusals, "changes": changes, "sums": selector.sums(changes)}
