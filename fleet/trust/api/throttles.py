"""Limits for the two addresses that are open to everybody."""

from datetime import timedelta

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from fleet.trust.core.addresses import neighbourhood
from fleet.trust.services import throttle


class EnrolmentThrottle(BaseThrottle):
    """Lets one network address ask so often that a whole hall of devices can enrol behind one router."""

    LIMIT = 600
    PERIOD = timedelta(minutes=1)

    def allow_request(self, request: Request, view: APIView) -> bool:
        address = neighbourhood(request.META.get("REMOTE_ADDR", ""))
        return throttle.allow("enrolment", address, limit=self.LIMIT, period=self.PERIOD)

    def wait(self) -> float:
        return self.PERIOD.total_seconds()
