"""Makes, revokes and checks the bearer tokens with which scripts act for a person."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from fleet.trust.models import AccessToken, User
from fleet.trust.services import events, secrets
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, refuse

PREFIX = "mat_"
MAX_LIFETIME = timedelta(days=366)
USE_NOTED_EVERY = timedelta(minutes=1)  # so that a busy script does not write one row for ever
NAME_LENGTH = AccessToken._meta.get_field("name").max_length or 0


class TokenRevokedBefore(Conflict):
    """The token was revoked before."""

    code = "token_revoked"


@transaction.atomic
def create(*, actor: Actor, user: User, name: str, lifetime: timedelta) -> tuple[AccessToken, str]:
    """Make a token that acts as `user`, and return it with its secret, which is shown once.

    Raises:
        InvalidInput: no name, or a lifetime out of range.
    """
    if not name.strip() or len(name) > NAME_LENGTH:
        raise refuse("name", _("Give a name of at most %(count)d characters.") % {"count": NAME_LENGTH})
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise refuse("lifetime", _("A token lives for at most %(days)d days.") % {"days": MAX_LIFETIME.days})
    secret = secrets.new(PREFIX)
    token = AccessToken.objects.create(
        sha256=secrets.digest(secret),
        hint=secrets.hint(secret),
        name=name,
        user=user,
        expires_at=timezone.now() + lifetime,
    )
    _record("access_token.created", actor, token)
    return token, secret


@transaction.atomic
def revoke(token: AccessToken, *, actor: Actor) -> AccessToken:
    """End a token at once.

    Raises:
        TokenRevokedBefore: it was revoked before.
    """
    now = timezone.now()
    if not AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
        raise TokenRevokedBefore(_("This token was revoked before."))
    token.revoked_at = now
    _record("access_token.revoked", actor, token)
    return token


def authenticate(secret: str) -> User | None:
    """Return the person a bearer token acts for, or None; note its use at most once a minute."""
    now = timezone.now()
    live = AccessToken.objects.filter(revoked_at=None, expires_at__gt=now, user__is_active=True)
    token = live.select_related("user").filter(sha256=secrets.digest(secret)).first()
    if token is None:
        return None
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        AccessToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token.user


def _record(verb: str, actor: Actor, token: AccessToken) -> None:
    held = token.user.grants.select_related("site").order_by("site__path").first()
    events.record(
        verb,
        actor=actor,
        target_kind="access_token",
        target_id=token.pk,
        target_label=str(token),
        site=held.site if held else None,
        after={"user": token.user.get_username(), "expires_at": token.expires_at.isoformat()},
    )
