"""Addresses of the registry's pages."""

from django.urls import URLPattern, URLResolver, path

from fleet.registry.views import enrolment, node, node_list

urlpatterns: list[URLPattern | URLResolver] = [
    path("nodes/", node_list.nodes, name="nodes"),
    path("nodes/rows", node_list.rows, name="node-rows"),
    path("nodes/<uuid:uid>/", node.node, name="node"),
    path("nodes/<uuid:uid>/<slug:action>", node.act, name="node-act"),
    path("enrolment/", enrolment.enrolment, name="enrolment"),
    path("enrolment/tokens", enrolment.token_create, name="enrolment-token-create"),
    path("enrolment/tokens/<uuid:pk>", enrolment.token_progress, name="enrolment-token-progress"),
    path("enrolment/tokens/<uuid:pk>/revoke", enrolment.token_revoke, name="enrolment-token-revoke"),
    path("enrolment/decide", enrolment.decide, name="enrolment-decide"),
]
