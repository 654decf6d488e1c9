"""Who may see and do what: the two questions every face asks.

An object belongs to a site through its class's `SITE_LOOKUP`, the prefix of the
lookup to the site ("" for a site itself, "site__" for a node). A grant at a site
holds for everything below it.
"""

from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import models

from fleet.trust.core.roles import Verb, allows, roles_for
from fleet.trust.models import Grant, Site, User

M = TypeVar("M", bound=models.Model)
Person = User | AnonymousUser


def visible(queryset: "models.QuerySet[M]", user: Person, verb: Verb = Verb.VIEW) -> "models.QuerySet[M]":
    """Return the part of `queryset` on which `user` may `verb`."""
    lookup: str = queryset.model.SITE_LOOKUP  # type: ignore[attr-defined]
    return queryset.filter(within(_paths(user, verb), lookup))


def within(paths: list[str], lookup: str = "site__") -> models.Q:
    """Return the condition "at one of these sites or below"; no site at all matches nothing."""
    condition = models.Q(pk__in=[])
    for path in paths:
        condition |= models.Q(**{f"{lookup}path__startswith": path})
    return condition


def can(user: Person, verb: Verb, target: Any) -> bool:
    """Say whether `user` may `verb` on `target`, a site or an object that has one."""
    site: Site | None = target if isinstance(target, Site) else target.site
    return site is not None and any(site.path.startswith(path) for path in _paths(user, verb))


def can_anywhere(user: Person, verb: Verb) -> bool:
    """Say whether `user` may `verb` at any site at all."""
    return bool(_paths(user, verb))


def require(user: Person, verb: Verb, target: Any) -> None:
    """Raise PermissionDenied unless `user` may `verb` on `target`."""
    if not can(user, verb, target):
        raise PermissionDenied


def _paths(user: Person, verb: Verb) -> list[str]:
    """Return the paths of the sites at which `user` holds a role that allows `verb`; read once per user object."""
    if not user.is_authenticated or not user.is_active:
        return []
    grants: list[tuple[str, str]] | None = getattr(user, "_grants", None)
    if grants is None:
        grants = list(Grant.objects.filter(user=user).values_list("site__path", "role"))
        user._grants = grants  # type: ignore[attr-defined]
    wanted = set(roles_for(verb))
    return [path for path, role in grants if role in wanted]


__all__ = ["Verb", "allows", "can", "can_anywhere", "require", "visible", "within"]
