"""What a face knows about a request beyond its data."""

from django.http import HttpRequest
from rest_framework.request import Request

from fleet.trust.core.addresses import parse
from fleet.trust.models import User
from fleet.trust.services.actors import Actor


def address(request: HttpRequest | Request) -> str | None:
    """Return the network address a request came from, or None where it has none, as over a unix socket.

    Headers that claim another one are believed only by the ASGI server, and only from the
    proxies it was told of; what such a proxy passes on may still be no address.
    """
    return parse(request.META.get("REMOTE_ADDR", ""))


def person(request: Request) -> User:
    """Return who sends an authenticated request."""
    user = request.user
    assert isinstance(user, User)  # the permission classes let nobody else through
    return user


def actor(request: Request) -> Actor:
    """Return who sends an authenticated request, as the audit trail names them."""
    return Actor.user(person(request), address(request))
