"""Signing in and out."""

from datetime import timedelta

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from fleet.trust.services import throttle

SCOPE = "sign-in"
# Ten tries are enough for a forgotten password, and make guessing one slower than a person lives.
ATTEMPTS = 10
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
        """Check the password, unless too many tries from here failed for this name."""
        if throttle.allow(SCOPE, self._key(), limit=ATTEMPTS, period=PERIOD):
            return super().post(request, *args, **kwargs)
        minutes = int(PERIOD.total_seconds() // 60)
        page = self.render_to_response(self.get_context_data(form=self.get_form_class()(request), wait=minutes))
        page.status_code = 429
        page["Retry-After"] = str(int(PERIOD.total_seconds()))
        return page

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Forget the failed tries, and open the session."""
        throttle.clear(SCOPE, self._key())
        return super().form_valid(form)

    def _key(self) -> str:
        """Return who is trying, from where."""
        return f"{self.request.POST.get('username', '').casefold()[:150]}|{self.request.META.get('REMOTE_ADDR', '')}"
