"""Changes a person's password, and makes one up for somebody who lost theirs."""

import secrets

from django.db import transaction

from fleet.trust.models import User
from fleet.trust.services import events, live_access
from fleet.trust.services.actors import Actor

MADE_UP_BYTES = 15  # 120 bits, 20 characters: typed once, then changed


def make_up() -> str:
    """Return a new random password."""
    return secrets.token_urlsafe(MADE_UP_BYTES)


@transaction.atomic
def change(user: User, password: str, *, actor: Actor) -> None:
    """Store a new password, already checked by the form; every other session of the person ends by it."""
    _store(user, password, "user.password_changed", actor)


@transaction.atomic
def reset(user: User, *, actor: Actor) -> str:
    """Give a person who lost their password a made-up one and return it; every session of theirs ends by it."""
    password = make_up()
    _store(user, password, "user.password_reset", actor)
    return password


def _store(user: User, password: str, verb: str, actor: Actor) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    held = user.grants.select_related("site").order_by("site__path").first()
    events.record(
        verb,
        actor=actor,
        target_kind="user",
        target_id=user.pk,
        target_label=user.get_username(),
        site=held.site if held else None,
    )
    live_access.recheck_after_commit(user.pk)
