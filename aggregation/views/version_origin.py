"""Where a trained version came from, as a part of its page."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from aggregation.selectors import contributions
from fleet.registry.selectors import models
from fleet.trust.views.people import person

LARGEST_NUMBER = (1 << 31) - 1


@require_safe
def version_origin(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    """Show round and contributions of a version; its page asks for it."""
    user = person(request)
    if number > LARGEST_NUMBER:  # more than the column holds
        raise Http404
    version = get_object_or_404(models.versions(user), model=pk, number=number)
    context = {"version": version, "origin": contributions.origin(user, version)}
    return render(request, "aggregation/_version_origin.html", context)
