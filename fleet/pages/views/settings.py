"""How a person wants to see the pages, their access tokens and their password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fleet.pages.forms import AccessTokenForm, ChangePasswordForm, PreferencesForm, ThemeForm
from fleet.trust.models import AccessToken
from fleet.trust.services import access_tokens, passwords
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person


@require_GET
def settings(request: HttpRequest) -> HttpResponse:
    """Show the settings."""
    return _page(request)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Store language, zone, theme, density and shortcuts."""
    form = PreferencesForm(request.POST, instance=person(request))
    if not form.is_valid():
        return _page(request, preferences=form)
    form.save()
    messages.success(request, _("Your settings were saved."))
    return redirect("settings")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Store the theme that was chosen in the top bar."""
    form = ThemeForm(request.POST, instance=person(request))
    if not form.is_valid():
        return HttpResponse(status=400)
    form.save()
    return HttpResponse(status=204)


@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; this session stays, all others end."""
    form = ChangePasswordForm(person(request), request.POST)
    if not form.is_valid():
        return _page(request, password=form)
    passwords.change(person(request), form.cleaned_data["new_password1"], actor=actor(request))
    update_session_auth_hash(request, person(request))
    messages.success(request, _("Your password was changed. Your other sessions were ended."))
    return redirect("settings")


@require_POST
def access_token_create(request: HttpRequest) -> HttpResponse:
    """Make an access token and show its secret, once."""
    form = AccessTokenForm(request.POST)
    if not form.is_valid():
        return _page(request, access_token=form)
    try:
        token, secret = access_tokens.create(
            actor=actor(request),
            user=person(request),
            name=form.cleaned_data["name"],
            lifetime=form.cleaned_data["lifetime"],
        )
    except DomainError as error:
        form.add_error(None, str(error))
        return _page(request, access_token=form)
    return _page(request, new_token=token, new_secret=secret)


@require_POST
def access_token_revoke(request: HttpRequest, pk: str) -> HttpResponse:
    """End an access token of one's own."""
    token = get_object_or_404(AccessToken.objects.filter(user=person(request)), pk=pk)
    try:
        access_tokens.revoke(token, actor=actor(request))
        messages.success(request, _("The token %(name)s no longer works.") % {"name": token.name})
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("settings")


def _page(request: HttpRequest, **forms: Any) -> HttpResponse:
    """Show the settings with the forms that were just refused or the secret that was just made."""
    me = person(request)
    defaults = {
        "preferences": PreferencesForm(instance=me),
        "access_token": AccessTokenForm(),
        "password": ChangePasswordForm(me),
        "tokens": me.access_tokens.filter(revoked_at=None, expires_at__gt=timezone.now()),
    }
    refused = any(getattr(form, "errors", None) for form in forms.values())
    return render(request, "pages/settings.html", defaults | forms, status=400 if refused else 200)
