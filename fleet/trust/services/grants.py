"""Gives and takes roles. A role holds at a site and at everything below it."""

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.trust import access
from fleet.trust.core.roles import Role
from fleet.trust.models import Grant, Site, User
from fleet.trust.services import events, live_access
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import refuse


@transaction.atomic
def give(*, actor: Actor, user: User, site: Site, role: str) -> Grant:
    """Let `user` be `role` at `site`; a role they hold there already is replaced."""
    if role not in set(Role):
        raise refuse("role", _("There is no such role."))
    before = Grant.objects.select_for_update().filter(user=user, site=site).values_list("role", flat=True).first()
    grant, _made = Grant.objects.update_or_create(user=user, site=site, defaults={"role": role})
    if before != role:
        _record("grant.given", actor, user, site, before, role)
    access.forget(user)
    return grant


@transaction.atomic
def take(*, actor: Actor, user: User, site: Site) -> bool:
    """Take the role that `user` holds at `site`; say whether there was one."""
    grant = Grant.objects.select_for_update().filter(user=user, site=site).first()
    access.forget(user)
    if grant is None:
        return False
    grant.delete()
    _record("grant.taken", actor, user, site, grant.role, None)
    return True


def _record(verb: str, actor: Actor, user: User, site: Site, before: str | None, after: str | None) -> None:
    events.record(
        verb,
        actor=actor,
        target_kind="user",
        target_id=user.pk,
        target_label=user.get_username(),
        site=site,
        before={"role": before},
        after={"role": after},
    )
    live_access.recheck_after_commit(user.pk)
