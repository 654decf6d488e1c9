"""Drops what has ended and nobody asks for again; running twice changes nothing."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from fleet.trust.models import AccessToken, EnrolmentToken

# A device that lost the answer to its enrolment may ask again for a day; after that its token is forgotten.
ENROLMENT_TOKENS_KEPT = timedelta(days=1)
ACCESS_TOKENS_KEPT = timedelta(days=30)  # so that "why does my script fail" can be answered on a page


def prune() -> dict[str, int]:
    """Delete ended tokens and sessions, and return how many of each went."""
    now = timezone.now()
    enrolment = EnrolmentToken.objects.filter(expires_at__lt=now - ENROLMENT_TOKENS_KEPT)
    ended = now - ACCESS_TOKENS_KEPT
    access = AccessToken.objects.filter(Q(expires_at__lt=ended) | Q(revoked_at__lt=ended))
    sessions = Session.objects.filter(expire_date__lt=now)
    return {
        "enrolment_tokens": enrolment.delete()[1].get("trust.EnrolmentToken", 0),
        "access_tokens": access.delete()[0],
        "sessions": sessions.delete()[0],
    }
