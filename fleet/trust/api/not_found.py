"""The answer under /api/v1/ where there is nothing."""

from typing import NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


@extend_schema(exclude=True)
class NotFoundView(APIView):
    """Says 404 in the common form, whatever the method; a stranger learns not even that."""

    def http_method_not_allowed(self, request: Request, *args: object, **kwargs: object) -> NoReturn:  # type: ignore[override]
        raise NotFound
