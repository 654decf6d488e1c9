"""One round: its way in time, its funnel, and what became of each member."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from aggregation.selectors import accuracy, job_pages, round_pages
from aggregation.selectors import jobs as selector
from fleet.trust.views.people import person, typed, wanted_panel
from muster.workloads import catalogue

PAGE = 25
LARGEST_NUMBER = (1 << 31) - 1
PANELS = {"round-head": "aggregation/_round_head.html", "round-members": "aggregation/_round_members.html"}


@require_safe
def round(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """Show a round; only one panel of the page where it keeps itself fresh."""
    if number > LARGEST_NUMBER:  # more than the column holds
        raise Http404
    found = get_object_or_404(selector.listed_rounds(person(request)), job=pk, number=number)
    state = typed(request, "state")
    counts = selector.counts([found.pk]).get(found.pk, {})
    funnel = selector.funnel(counts)
    page = Paginator(round_pages.members(found, state), PAGE).get_page(request.GET.get("page"))
    order = _components(found.job.model.workload)
    context: dict[str, Any] = {
        "round": found,
        "job": found.job,
        "phase": found.phases.first(),
        "steps": round_pages.steps(found),
        "sentence": round_pages.sentence(found, funnel),
        "failed": job_pages.failed(found.failure),
        "funnel": funnel,
        "stages": job_pages.stages(funnel),
        "aside": job_pages.aside(funnel),
        "counts": counts,
        "right": accuracy.of(found.metrics),
        "kinds": accuracy.kinds(found.metrics),
        "state": state if state in round_pages.LABELS else "",
        "state_label": round_pages.LABELS.get(state, ""),
        "page": page,
        "lines": [round_pages.line(member, order) for member in page.object_list],
    }
    return render(request, PANELS.get(wanted_panel(request) or "", "aggregation/round.html"), context)


def _components(workload: str) -> list[str]:
    """Return the names of a workload's components in their order; none where this server does not have it."""
    try:
        return [component.name for component in catalogue.get(workload).components]
    except catalogue.UnknownWorkload:
        return []
