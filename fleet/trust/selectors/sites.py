"""Reads the tree of sites as a person may see it."""

from django.db.models import QuerySet

from fleet.trust.access import Person, Verb, visible
from fleet.trust.models import Site


def listing(user: Person, verb: Verb = Verb.VIEW) -> QuerySet[Site]:
    """Return the sites on which `user` may `verb`, each before its children."""
    return visible(Site.objects.select_related("parent").order_by("path"), user, verb)


def normal_path(text: str) -> str:
    """Return a typed path as it is stored: no slash in front, one behind.

    >>> normal_path("/north/plant-a")
    'north/plant-a/'
    """
    # PostgreSQL refuses a NUL in any text, so none can be part of a path.
    return text.replace("\0", "").strip("/") + "/"


def by_path(path: str) -> Site | None:
    """Return the site at `path`, however its slashes are typed, or None. Asks nobody's permission."""
    return Site.objects.filter(path=normal_path(path)).first()
