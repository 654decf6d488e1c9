"""Every address of the web process. Pages live with their app; REST under /api/v1/ is gathered in `config.api`."""

from django.urls import include, path

from fleet.pages import health
from fleet.trust.api import downloads

urlpatterns = [
    path("api/v1/", include("config.api")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.MetricsView.as_view(), name="metrics"),
    path("agent/<str:filename>", downloads.wheel, name="agent-wheel"),
    path("", include("fleet.pages.urls")),
    path("", include("fleet.trust.urls")),
    path("", include("fleet.registry.urls")),
    path("", include("fleet.telemetry.urls")),
    path("", include("fleet.rollouts.urls")),
    path("", include("aggregation.urls")),
]
