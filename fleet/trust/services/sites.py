"""Adds places to the tree."""

import re
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from fleet.trust.models import Site
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, refuse

# Lower case only, so that no two paths differ in case alone.
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = Site._meta.get_field("slug").max_length or 0
NAME_LENGTH = Site._meta.get_field("name").max_length or 0
PATH_LENGTH = Site._meta.get_field("path").max_length or 0


class SiteExists(Conflict):
    """There is a site with this slug below this parent."""

    code = "site_exists"


@transaction.atomic
def create(*, actor: Actor, parent: Site | None, slug: str, name: str, time_zone: str = "UTC") -> Site:
    """Add a site below `parent`; without one it is a root, the tenant of all that will be below it.

    Raises:
        InvalidInput: the slug, name or time zone cannot be accepted, or the path grows too long.
        SiteExists: the parent has such a child.
    """
    path = f"{parent.path if parent else ''}{slug}/"
    _check(slug, name, time_zone, path)
    try:
        with transaction.atomic():  # its own savepoint: the caller's transaction survives a duplicate
            site = Site.objects.create(parent=parent, slug=slug, name=name, path=path, time_zone=time_zone)
    except IntegrityError as error:
        raise SiteExists(_("There is a site %(path)s already.") % {"path": path.rstrip("/")}) from error
    events.record(
        "site.created",
        actor=actor,
        target_kind="site",
        target_id=site.pk,
        target_label=str(site),
        site=site,
        after={"path": path, "name": name, "time_zone": time_zone},
    )
    return site


def _check(slug: str, name: str, time_zone: str, path: str) -> None:
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        raise refuse("slug", _("Use lower-case letters and digits, with single hyphens between them."))
    if not name.strip() or len(name) > NAME_LENGTH or "\0" in name:
        raise refuse("name", _("Give a name of at most %(count)d characters.") % {"count": NAME_LENGTH})
    if not is_time_zone(time_zone):
        raise refuse("time_zone", _("This is not a time zone of the IANA database."))
    if len(path) > PATH_LENGTH:
        raise refuse("slug", _("The tree is too deep here."))


def is_time_zone(name: str) -> bool:
    """Say whether `name` is a zone of the IANA database, like `Europe/Berlin`."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # not a key, a folder of keys, unknown
        return False
    return True
