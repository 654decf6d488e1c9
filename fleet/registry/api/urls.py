from django.urls import include, path
from rest_framework.routers import SimpleRouter

from fleet.registry.api.enrolment import EnrolmentView, ServerView
from fleet.registry.api.models import ModelViewSet
from fleet.registry.api.nodes import NodeViewSet
from fleet.registry.api.targets import NodeTargetView
from fleet.registry.api.uploads import UploadViewSet
from fleet.registry.api.versions import VersionViewSet
from fleet.registry.api.workloads import WorkloadViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("nodes", NodeViewSet, basename="api-node")
router.register("workloads", WorkloadViewSet, basename="api-workload")
router.register("uploads", UploadViewSet, basename="api-upload")
router.register("models", ModelViewSet, basename="api-model")
router.register("versions", VersionViewSet, basename="api-version")

urlpatterns = [
    path("", include(router.urls)),
    path("nodes/<uuid:uid>/target", NodeTargetView.as_view(), name="api-node-target"),
    path("enrolment/server", ServerView.as_view(), name="api-enrolment-server"),
    path("enrolment", EnrolmentView.as_view(), name="api-enrolment"),
]
