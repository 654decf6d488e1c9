"""REST, version 1: each app's routes, and the schema that describes them."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from fleet.trust.api.not_found import NotFoundView

urlpatterns = [
    path("", include("fleet.trust.api.urls")),
    path("", include("fleet.registry.api.urls")),
    path("", include("fleet.telemetry.api.urls")),
    path("", include("fleet.rollouts.api.urls")),
    path("", include("aggregation.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(
            url_name="api-schema", template_name="api/docs.html", template_name_js="api/docs.js"
        ),
        name="api-docs",
    ),
    re_path(r"[\s\S]", NotFoundView.as_view()),  # everything else, line breaks included; reversible, unlike (?s:.)
]
