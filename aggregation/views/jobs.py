"""Training jobs: the list, one job with its rounds and its curve, and the end that a person puts to it."""

import uuid
from typing import Any

import orjson
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from aggregation.core import config as configs
from aggregation.core.lifecycle import JobState
from aggregation.selectors import accuracy, figures, job_pages
from aggregation.selectors import jobs as selector
from aggregation.services import jobs as services
from fleet.registry.forms import ReasonForm
from fleet.trust.access import Verb, can, can_anywhere, require
from fleet.trust.selectors import events
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person, wanted_panel

PAGE = 25
RECENT_EVENTS = 8
PANELS = {
    "job-head": "aggregation/_job_head.html",
    "job-funnel": "aggregation/_job_funnel.html",
    "job-margin": "aggregation/_margin.html",
    "job-rounds": "aggregation/_job_rounds.html",
}


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """Show the jobs of the models that the person sees; only the list where the page keeps itself fresh."""
    user = person(request)
    page = Paginator(selector.listing(user), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": job_pages.rows(list(page.object_list)),
        "may_release": can_anywhere(user, Verb.RELEASE),
        "trainable": selector.trainable(user).order_by("name").first(),
    }
    is_list = wanted_panel(request) == "job-list"
    return render(request, "aggregation/_job_list.html" if is_list else "aggregation/jobs.html", context)


@require_safe
def job(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a job; only one panel of the page where it keeps itself fresh."""
    user = person(request)
    found: Any = get_object_or_404(selector.listing(user), pk=pk)  # annotated by the selector
    rounds = list(selector.rounds(found))
    counts = selector.counts([round.pk for round in rounds])
    newest = rounds[-1] if rounds else None
    funnel = selector.funnel(counts.get(newest.pk, {}) if newest else {})
    newest_first = [(round, selector.funnel(counts.get(round.pk, {}))) for round in reversed(rounds)]
    context = {
        "job": found,
        "config": configs.from_document(found.config),
        "newest": newest,
        "funnel": funnel,
        "stages": job_pages.stages(funnel),
        "aside": job_pages.aside(funnel),
        "sentence": job_pages.sentence(found, newest, funnel),
        "failed": job_pages.failed(found.failure),
        "not_pushed": job_pages.not_pushed(found.push_failure),
        "gain": accuracy.gain(found),
        "margin": job_pages.margin_sentence(accuracy.margin(rounds)),
        "page": Paginator(newest_first, PAGE).get_page(request.GET.get("page")),
        "may_stop": found.state == JobState.RUNNING and can(user, Verb.RELEASE, found),
        "events": events.listing(user).filter(target_id__in=[found.pk, *(round.pk for round in rounds)])[
            :RECENT_EVENTS
        ],
    }
    return render(request, PANELS.get(wanted_panel(request) or "", "aggregation/job.html"), context)


@require_safe
def figure(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Answer the chart of a job: accuracy on held-out data by round."""
    found = get_object_or_404(selector.listing(person(request)), pk=pk)
    body = orjson.dumps(figures.accuracy_figure(found, list(selector.rounds(found))))
    return HttpResponse(body, "application/json", headers={"Cache-Control": "no-store"})


@require_POST
def stop(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End a job for the reason that was given in the dialog."""
    found = get_object_or_404(selector.listing(person(request)), pk=pk)
    require(person(request), Verb.RELEASE, found)
    form = ReasonForm(request.POST, needs_reason=True)
    if not form.is_valid():
        messages.error(request, form.problem())
        return redirect("job", pk=pk)
    try:
        services.stop(actor=actor(request), job=found, reason=form.cleaned_data["reason"])
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The job was stopped. What it has published stays."))
    return redirect("job", pk=pk)
