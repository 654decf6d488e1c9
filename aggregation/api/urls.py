from django.urls import include, path
from rest_framework.routers import SimpleRouter

from aggregation.api.jobs import JobViewSet
from aggregation.api.rounds import RoundMembersView, RoundViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("jobs", JobViewSet, basename="api-job")
router.register("rounds", RoundViewSet, basename="api-round")

urlpatterns = [
    path("", include(router.urls)),
    path("rounds/<uuid:pk>/members", RoundMembersView.as_view(), name="api-round-members"),
]
