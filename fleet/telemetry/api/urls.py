from django.urls import URLPattern, URLResolver, path

from fleet.telemetry.api.samples import SamplesView

urlpatterns: list[URLPattern | URLResolver] = [
    path("nodes/<uuid:uid>/samples", SamplesView.as_view(), name="api-node-samples"),
]
