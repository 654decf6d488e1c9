"""The audit log: who did what to what, before and after, why and from where."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fleet.trust.access import visible
from fleet.trust.models import Event
from fleet.trust.views.people import typed

PAGE = 50


def audit(request: HttpRequest) -> HttpResponse:
    """Show the events that the person may see, newest first, narrowed by what the address says."""
    events = visible(Event.objects.select_related("site"), request.user)
    verbs = events.order_by("verb").values_list("verb", flat=True).distinct()
    page = Paginator(narrow(events, request), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "verbs": verbs,
        "verb": request.GET.get("verb", ""),
        "target": request.GET.get("target", ""),
    }
    return render(request, "trust/audit.html", context)


def narrow(events: QuerySet[Event], request: HttpRequest) -> QuerySet[Event]:
    """Return the events of the wanted verb whose target or actor carries the wanted text."""
    if verb := typed(request, "verb"):
        events = events.filter(verb=verb)
    if target := typed(request, "target"):
        events = events.filter(target_label__icontains=target) | events.filter(actor_label__icontains=target)
    return events
