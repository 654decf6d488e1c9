"""Who sends a request: a script with a bearer token. Browsers come with their session."""

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from fleet.trust.models import User
from fleet.trust.services import access_tokens


class BearerAuthentication(BaseAuthentication):
    """Accepts `Authorization: Bearer <access token>`."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the token's person, or None where the request carries no bearer token."""
        scheme, _space, secret = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        user = access_tokens.authenticate(secret.strip().decode("latin-1"))
        if user is None:
            raise AuthenticationFailed(_("This access token is not valid: unknown, expired or revoked."))
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return 'Bearer realm="muster"'
