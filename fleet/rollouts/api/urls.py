from django.urls import include, path
from rest_framework.routers import SimpleRouter

from fleet.rollouts.api.plans import PlanViewSet
from fleet.rollouts.api.rollouts import RolloutNodesView, RolloutViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("plans", PlanViewSet, basename="api-plan")
router.register("rollouts", RolloutViewSet, basename="api-rollout")

urlpatterns = [
    path("", include(router.urls)),
    path("rollouts/<uuid:pk>/nodes", RolloutNodesView.as_view(), name="api-rollout-nodes"),
]
