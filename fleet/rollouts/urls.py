"""Addresses of the pages of plans and pushes."""

from django.urls import URLPattern, URLResolver, path

from fleet.rollouts.views import node_shards, plan_new, plans, rollout, topology

urlpatterns: list[URLPattern | URLResolver] = [
    path("plans/", plans.plans, name="plans"),
    path("plans/new", plan_new.plan_new, name="plan-new"),
    path("plans/<uuid:pk>/", plans.plan, name="plan"),
    path("plans/<uuid:pk>/push", plans.push, name="plan-push"),
    path("rollouts/<uuid:pk>/", rollout.rollout, name="rollout"),
    path("topology/", topology.topology, name="topology"),
    path("nodes/<uuid:uid>/shards/", node_shards.node_shards, name="node-shards"),
]
