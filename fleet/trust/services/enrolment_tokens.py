"""Makes, revokes and redeems the permission to enrol."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from fleet.trust.models import EnrolmentToken, Site
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.services import events, secrets
from fleet.trust.services.actors import Actor
from fleet.trust.services.enrolment_errors import (
    TokenExpired,
    TokenRefused,
    TokenRevoked,
    TokenUnknown,
    TokenUsedUp,
)
from fleet.trust.services.errors import Conflict, refuse

PREFIX = "mst_"
MAX_LIFETIME = timedelta(hours=1)  # a copied command that leaks is worth little for long
MAX_USES = 1000  # one batch of devices


class TokenNotOpen(Conflict):
    """The token can no longer be revoked: it was before."""

    code = "token_not_open"


@transaction.atomic
def create(
    *,
    actor: Actor,
    site: Site,
    tier: str,
    auto_approve: bool = False,
    max_uses: int = 1,
    lifetime: timedelta = timedelta(minutes=30),
) -> tuple[EnrolmentToken, str]:
    """Make a token and return it with its secret, which is kept nowhere and shown once.

    Raises:
        InvalidInput: an unknown tier, a lifetime over an hour, a number of uses out of range.
    """
    _check(tier, max_uses, lifetime)
    secret = secrets.new(PREFIX)
    token = EnrolmentToken.objects.create(
        sha256=secrets.digest(secret),
        hint=secrets.hint(secret),
        site=site,
        tier=tier,
        auto_approve=auto_approve,
        max_uses=max_uses,
        expires_at=timezone.now() + lifetime,
        created_by=actor.person,
    )
    policy = {"tier": tier, "auto_approve": auto_approve, "max_uses": max_uses}
    _record("enrolment_token.created", actor, token, after=policy | {"expires_at": token.expires_at.isoformat()})
    return token, secret


@transaction.atomic
def revoke(token: EnrolmentToken, *, actor: Actor, reason: str = "") -> EnrolmentToken:
    """End a token at once. Devices that enrolled with it stay.

    Raises:
        TokenNotOpen: it was revoked before.
    """
    now = timezone.now()
    if not EnrolmentToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
        raise TokenNotOpen(_("This enrolment token was revoked before."))
    token.revoked_at = now
    _record("enrolment_token.revoked", actor, token, after={"uses": token.uses}, reason=reason)
    return token


def redeem(secret: str) -> EnrolmentToken:
    """Use a token once and return it.

    One conditional UPDATE counts the use. It holds the row until the caller's
    transaction ends, so of many parallel uses no more than `max_uses` succeed,
    and a caller that rolls back gives the use back.

    Raises:
        TokenRefused: unknown, expired, revoked or used up.
    """
    found = EnrolmentToken.objects.filter(sha256=secrets.digest(secret))
    now = timezone.now()
    won = found.filter(revoked_at=None, expires_at__gt=now, uses__lt=F("max_uses")).update(uses=F("uses") + 1)
    token = found.select_related("site").first()
    if token is None:
        raise TokenUnknown
    if not won:
        raise _refusal(token)
    return token


def _refusal(token: EnrolmentToken) -> TokenRefused:
    if token.revoked_at is not None:
        return TokenRevoked()
    if token.expires_at <= timezone.now():
        return TokenExpired()
    return TokenUsedUp()


def _check(tier: str, max_uses: int, lifetime: timedelta) -> None:
    if tier not in Tier.values:
        raise refuse("tier", _("There is no such tier."))
    if not 1 <= max_uses <= MAX_USES:
        raise refuse("max_uses", _("Between 1 and %(most)d devices may use one token.") % {"most": MAX_USES})
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise refuse("lifetime", _("A token lives for at most an hour."))


def _record(verb: str, actor: Actor, token: EnrolmentToken, *, after: dict[str, object], reason: str = "") -> None:
    events.record(
        verb,
        actor=actor,
        target_kind="enrolment_token",
        target_id=token.pk,
        target_label=str(token),
        site=token.site,
        after=after,
        reason=reason,
    )
