from django.urls import include, path
from rest_framework.routers import SimpleRouter

from fleet.trust.api.enrolment_tokens import EnrolmentTokenViewSet
from fleet.trust.api.events import EventViewSet
from fleet.trust.api.me import MeView
from fleet.trust.api.sites import SiteViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("sites", SiteViewSet, basename="api-site")
router.register("enrolment-tokens", EnrolmentTokenViewSet, basename="api-enrolment-token")
router.register("events", EventViewSet, basename="api-event")

urlpatterns = [
    path("", include(router.urls)),
    path("me", MeView.as_view(), name="api-me"),
]
