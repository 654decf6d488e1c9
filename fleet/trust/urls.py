"""Addresses of trust's pages, and of the agent's wheel."""

from django.urls import URLPattern, URLResolver, path

from fleet.trust.views.audit import audit
from fleet.trust.views.session import SignInView, SignOutView

urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", SignInView.as_view(), name="sign-in"),
    path("sign-out", SignOutView.as_view(), name="sign-out"),
    path("audit/", audit, name="audit"),
]
