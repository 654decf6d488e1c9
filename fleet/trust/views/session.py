"""Signing in and out."""

import hashlib
from datetime import timedelta

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse

from fleet.trust.core.addresses import neighbourhood
from fleet.trust.models import User
from fleet.trust.services import live_access, throttle

SCOPE = "sign-in"
# Ten tries are enough for a forgotten password, and make guessing one slower than a person lives.
ATTEMPTS = 10
# One address may also try many names, and each try costs us a slow hash. A factory behind one router stays below.
ADDRESS_SCOPE = "sign-in-address"
ATTEMPTS_OF_AN_ADDRESS = 100
PERIOD = timedelta(minutes=5)


class SignInForm(AuthenticationForm):
    """User name and password, filled in by the browser's own password store."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["username"].widget.attrs.update(autocapitalize="none", spellcheck="false")


class SignInView(LoginView):
    """Opens a session. Never says which of name and password was wrong; makes guessing slow."""

    template_name = "trust/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Check the password, unless there were too many tries from here, for this name or for all together."""
        of_address = throttle.allow(ADDRESS_SCOPE, self._address(), limit=ATTEMPTS_OF_AN_ADDRESS, period=PERIOD)
        if of_address and throttle.allow(SCOPE, self._key(), limit=ATTEMPTS, period=PERIOD):
            return super().post(request, *args, **kwargs)
        minutes = int(PERIOD.total_seconds() // 60)
        page = self.render_to_response(self.get_context_data(form=self.get_form_class()(request), wait=minutes))
        page.status_code = 429
        page["Retry-After"] = str(int(PERIOD.total_seconds()))
        return page

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Forget the failed tries for this name, and open the session.

        Those of the address stay counted: whoever has one account would otherwise guess without end at the others.
        """
        throttle.clear(SCOPE, self._key())
        return super().form_valid(form)

    def _key(self) -> str:
        """Return who is trying, from where. Hashed, because a typed name may hold anything and be of any length."""
        name = self.request.POST.get("username", "").casefold()
        return hashlib.sha256(f"{self._address()}|{name}".encode()).hexdigest()

    def _address(self) -> str:
        return neighbourhood(self.request.META.get("REMOTE_ADDR", ""))


class SignOutView(LogoutView):
    """Ends the session, and with it the live sockets that it opened."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """End the session first, so that the sockets find it gone."""
        who = request.user
        answer = super().post(request, *args, **kwargs)
        if isinstance(who, User):
            live_access.recheck_after_commit(who.pk)
        return answer
