"""What holds for every page: how the person wants to see it, and that nobody keeps a copy."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from fleet.trust.models import User


class PreferencesMiddleware:
    """Activates the language and time zone of the person, or what their browser asks for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in the person's language, with times in their zone."""
        language = _language(request)
        with translation.override(language), timezone.override(_zone(request)):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ["Accept-Language"])
        return response


def _language(request: HttpRequest) -> str:
    """Return the language a signed-in person chose, else the best that the browser names."""
    chosen = request.user.language if isinstance(request.user, User) else ""
    if chosen and translation.check_for_language(chosen):
        return chosen
    return translation.get_language_from_request(request)


def _zone(request: HttpRequest) -> ZoneInfo:
    """Return the zone of a signed-in person; UTC for everybody else."""
    return ZoneInfo(request.user.time_zone) if isinstance(request.user, User) else ZoneInfo("UTC")


class NoStoreMiddleware:
    """Keeps answers out of every cache unless they say otherwise: they hold secrets, or are old a second later.

    So neither a shared computer's "back" after signing out nor a proxy shows what a person saw.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
