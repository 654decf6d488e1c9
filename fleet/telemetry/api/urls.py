from django.urls import URLPattern, URLResolver, path

from fleet.telemetry.api.samples import InferencesView, SamplesView

urlpatterns: list[URLPattern | URLResolver] = [
    path("nodes/<uuid:uid>/samples", SamplesView.as_view(), name="api-node-samples"),
    path("nodes/<uuid:uid>/inferences", InferencesView.as_view(), name="api-node-inferences"),
]
