from rest_framework.authentication import BaseAuthentication


class BearerAuthentication(BaseAuthentication):
    """Replaced by the trust part."""

    def authenticate(self, request):
        return None
