"""Addresses of the pages that belong to no single entity."""

from django.urls import URLPattern, URLResolver, path

from fleet.pages.views import placeholders, settings
from fleet.pages.views.overview import overview
from fleet.pages.views.search import search

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview, name="overview"),
    path("search", search, name="search"),
    path("settings/", settings.settings, name="settings"),
    path("settings/preferences", settings.preferences, name="preferences"),
    path("settings/theme", settings.theme, name="theme"),
    path("settings/password", settings.password, name="password"),
    path("settings/access-tokens", settings.access_token_create, name="access-token-create"),
    path("settings/access-tokens/<uuid:pk>/revoke", settings.access_token_revoke, name="access-token-revoke"),
    *placeholders.urlpatterns,
]
