"""Reads enrolment tokens as a person may see them; never their secrets, which are not kept."""

from django.db.models import F, QuerySet
from django.utils import timezone

from fleet.trust.access import Person, Verb, visible
from fleet.trust.models import EnrolmentToken


def listing(user: Person, verb: Verb = Verb.VIEW) -> QuerySet[EnrolmentToken]:
    """Return the tokens of the sites on which `user` may `verb`, the newest first."""
    tokens = EnrolmentToken.objects.select_related("site", "created_by").order_by("-created_at", "-id")
    return visible(tokens, user, verb)


def usable(user: Person, verb: Verb = Verb.VIEW) -> QuerySet[EnrolmentToken]:
    """Return those tokens with which a device could enrol now."""
    return listing(user, verb).filter(revoked_at=None, expires_at__gt=timezone.now(), uses__lt=F("max_uses"))
