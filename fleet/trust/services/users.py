"""Makes people's accounts and ends them."""

from collections.abc import Sequence

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fleet.trust.models import AccessToken, Site, User
from fleet.trust.services import events, live_access, passwords
from fleet.trust.services import grants as roles
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, InvalidInput


class UserExists(Conflict):
    """Somebody has this user name."""

    code = "user_exists"


@transaction.atomic
def create(
    *, actor: Actor, username: str, password: str | None = None, grants: Sequence[tuple[Site, str]] = ()
) -> tuple[User, str]:
    """Make an account with its roles, and return it with its password, made up where none is given.

    Raises:
        InvalidInput: the name or the password cannot be accepted.
        UserExists: somebody has this name.
    """
    chosen = password if password is not None else passwords.make_up()
    user = User(username=User.normalize_username(username))
    _check(user, chosen)
    user.set_password(chosen)
    try:
        with transaction.atomic():  # its own savepoint: the caller's transaction survives a duplicate
            user.save(force_insert=True)
    except IntegrityError as error:
        raise UserExists(_("There is a user %(name)s already.") % {"name": user.username}) from error
    _record("user.created", actor, user, grants[0][0] if grants else None)
    for site, role in grants:
        roles.give(actor=actor, user=user, site=site, role=role)
    return user, chosen


@transaction.atomic
def deactivate(user: User, *, actor: Actor) -> bool:
    """End an account: no sign-in, no session, no token acts for it any more. Say whether it was active."""
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return False
    user.is_active = False
    AccessToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    held = user.grants.select_related("site").order_by("site__path").first()
    _record("user.deactivated", actor, user, held.site if held else None)
    live_access.recheck_after_commit(user.pk)
    return True


def _check(user: User, password: str) -> None:
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise InvalidInput(fields=error.message_dict) from error
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(fields={"password": error.messages}) from error


def _record(verb: str, actor: Actor, user: User, site: Site | None) -> None:
    events.record(verb, actor=actor, target_kind="user", target_id=user.pk, target_label=user.get_username(), site=site)
