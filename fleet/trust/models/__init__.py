from fleet.trust.models.access_token import AccessToken
from fleet.trust.models.canary import Canary
from fleet.trust.models.enrolment_token import EnrolmentToken
from fleet.trust.models.event import Event
from fleet.trust.models.grant import Grant
from fleet.trust.models.site import Site
from fleet.trust.models.user import User

__all__ = ["AccessToken", "Canary", "EnrolmentToken", "Event", "Grant", "Site", "User"]
