from django.urls import path

from fleet.telemetry.views import figures

urlpatterns = [
    path("nodes/<uuid:uid>/figures/<slug:chart>", figures.node_figure, name="node-figure"),
    path("figures/fleet/<slug:chart>", figures.fleet_figure, name="fleet-figure"),
]
