from django.urls import include, path
from rest_framework.routers import SimpleRouter

from fleet.registry.api.enrolment import EnrolmentView, ServerView
from fleet.registry.api.nodes import NodeViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("nodes", NodeViewSet, basename="api-node")

urlpatterns = [
    path("", include(router.urls)),
    path("enrolment/server", ServerView.as_view(), name="api-enrolment-server"),
    path("enrolment", EnrolmentView.as_view(), name="api-enrolment"),
]
