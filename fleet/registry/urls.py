"""Addresses of the registry's pages."""

from django.urls import URLPattern, URLResolver, path

from fleet.registry.views import enrolment, models, node, node_list, publishing

urlpatterns: list[URLPattern | URLResolver] = [
    path("nodes/", node_list.nodes, name="nodes"),
    path("nodes/rows", node_list.rows, name="node-rows"),
    path("nodes/<uuid:uid>/", node.node, name="node"),
    path("nodes/<uuid:uid>/<slug:action>", node.act, name="node-act"),
    path("models/", models.models, name="models"),
    path("models/new", publishing.model_new, name="model-new"),
    path("models/<uuid:pk>/", models.model, name="model"),
    path("models/<uuid:pk>/versions/<int:number>/", models.version, name="model-version"),
    path("enrolment/", enrolment.enrolment, name="enrolment"),
    path("enrolment/tokens", enrolment.token_create, name="enrolment-token-create"),
    path("enrolment/tokens/<uuid:pk>", enrolment.token_progress, name="enrolment-token-progress"),
    path("enrolment/tokens/<uuid:pk>/revoke", enrolment.token_revoke, name="enrolment-token-revoke"),
    path("enrolment/decide", enrolment.decide, name="enrolment-decide"),
]
