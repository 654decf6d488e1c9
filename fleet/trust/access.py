"""Who may see and do what: the two questions every face asks.

An object belongs to a site through its class's `SITE_LOOKUP`, the prefix of the
lookup to the site ("" for a site itself, "site__" for a node). A grant at a site
holds for everything below it. Grants are all there is: Django's superuser flag,
staff flag and permissions mean nothing here.

A user object remembers its grants, so that a request reads them once. Whoever
keeps a user object for longer than a request (a socket) calls `forget` before it
asks again, and reloads the user to see whether the account is still active.
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
    """Return the condition "at one of these sites or below"; no site at all matches nothing.

    A path ends in a slash, so the prefix `plant-a/` does not reach into `plant-ab/`.
    """
    condition = models.Q(pk__in=[])
    for path in paths:
        condition |= models.Q(**{f"{lookup}path__startswith": path})
    return condition


def can(user: Person, verb: Verb, target: Any) -> bool:
    """Say whether `user` may `verb` on `target`, a site or an object that belongs to one."""
    site = _site_of(target)
    return site is not None and any(site.path.startswith(path) for path in _paths(user, verb))


def can_anywhere(user: Person, verb: Verb) -> bool:
    """Say whether `user` may `verb` at any site at all."""
    return bool(_paths(user, verb))


def require(user: Person, verb: Verb, target: Any) -> None:
    """Raise PermissionDenied unless `user` may `verb` on `target`."""
    if not can(user, verb, target):
        raise PermissionDenied


def forget(user: Person) -> None:
    """Make `user` read their grants again at the next question."""
    if isinstance(user, User):
        user.held = None


def _site_of(target: Any) -> Site | None:
    """Return the site that `target` belongs to, along its class's `SITE_LOOKUP`."""
    for step in filter(None, target.SITE_LOOKUP.split("__")):
        target = getattr(target, step)
        if target is None:
            return None
    site: Site = target
    return site


def _paths(user: Person, verb: Verb) -> list[str]:
    """Return the paths of the sites at which `user` holds a role that allows `verb`; read once per user object."""
    if not isinstance(user, User) or not user.is_active:
        return []
    if user.held is None:
        user.held = list(Grant.objects.filter(user=user).values_list("site__path", "role"))
    wanted = set(roles_for(verb))
    return [path for path, role in user.held if role in wanted]


__all__ = ["Person", "Verb", "allows", "can", "can_anywhere", "forget", "require", "visible", "within"]
