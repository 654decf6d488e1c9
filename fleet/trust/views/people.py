"""Who is asking, as pages and services want to know it."""

from django.http import HttpRequest

from fleet.trust.core.addresses import parse
from fleet.trust.models import User
from fleet.trust.services.actors import Actor


def person(request: HttpRequest) -> User:
    """Return the signed-in person; LoginRequiredMiddleware lets nobody else reach a page."""
    if not isinstance(request.user, User):
        raise TypeError("a page that is open to anonymous visitors asked for the person")
    return request.user


def actor(request: HttpRequest) -> Actor:
    """Return the signed-in person as the audit log names them."""
    return Actor.user(person(request), parse(request.META.get("REMOTE_ADDR", "")))


def wanted_panel(request: HttpRequest) -> str | None:
    """Return the id of the one panel that a live page asks for again, or None where the whole page is asked for."""
    return request.headers.get("HX-Target") if request.headers.get("HX-Request") == "true" else None


def typed(request: HttpRequest, name: str) -> str:
    """Return a parameter of the address without the characters that no name holds and PostgreSQL cannot compare."""
    return request.GET.get(name, "").replace("\0", "").strip()
