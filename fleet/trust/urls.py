"""Addresses of trust's pages, and of the agent's wheel."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from fleet.trust.views.audit import audit
from fleet.trust.views.session import SignInView

urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", SignInView.as_view(), name="sign-in"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path("audit/", audit, name="audit"),
]
