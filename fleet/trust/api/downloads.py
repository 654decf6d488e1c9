"""Hands the agent wheel to devices: the one file that everybody may read, a part of enrolment."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

from fleet.trust.selectors import agent_wheel


def _etag(_request: HttpRequest, filename: str, **_kwargs: Any) -> str | None:
    wheel = agent_wheel.named(filename)
    return f'"{wheel.sha256}"' if wheel else None


@login_not_required
@require_safe
@condition(etag_func=_etag)
def wheel(_request: HttpRequest, filename: str) -> HttpResponse:
    """Return a wheel by its exact file name. A few hundred kilobytes, so it is sent in one piece."""
    found = agent_wheel.named(filename)
    if found is None:
        raise Http404
    response = HttpResponse(found.path.read_bytes(), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{found.filename}"'
    response["Cache-Control"] = "public, no-cache"  # a rebuilt wheel keeps its name: ask again by ETag
    return response
