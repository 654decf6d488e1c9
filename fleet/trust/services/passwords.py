"""Changes a person's password."""

from django.db import transaction

from fleet.trust.models import User
from fleet.trust.services import events, live_access
from fleet.trust.services.actors import Actor


@transaction.atomic
def change(user: User, password: str, *, actor: Actor) -> None:
    """Store a new password, already checked by the form; every other session of the person ends by it."""
    user.set_password(password)
    user.save(update_fields=["password"])
    held = user.grants.select_related("site").order_by("site__path").first()
    events.record(
        "user.password_changed",
        actor=actor,
        target_kind="user",
        target_id=user.pk,
        target_label=user.get_username(),
        site=held.site if held else None,
    )
    live_access.recheck_after_commit(user.pk)
