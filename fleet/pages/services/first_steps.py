"""What a new installation starts with: its sites, and a person who may do everything."""

from collections.abc import Iterable

from fleet.trust.core.roles import Role
from fleet.trust.models import Site, User
from fleet.trust.services import sites, users
from fleet.trust.services.actors import Actor

ACTOR = Actor.system("prepare")


def ensure_site(path: str) -> Site:
    """Return the site of a path, made with everything above it where it is missing."""
    parent: Site | None = None
    for slug in path.strip("/").split("/"):
        wanted = f"{parent.path if parent else ''}{slug}/"
        site = Site.objects.filter(path=wanted).first()
        parent = site or sites.create(actor=ACTOR, parent=parent, slug=slug, name=slug.replace("-", " ").title())
    if parent is None:
        raise ValueError("a path has at least one slug")
    return parent


def ensure_operator(username: str, roots: Iterable[Site], password: str | None = None) -> str | None:
    """Make the first account, administrator of `roots`, unless there is any account; return its password if made."""
    if User.objects.exists():
        return None
    grants = [(site, Role.ADMINISTRATOR.value) for site in roots]
    _user, password = users.create(actor=ACTOR, username=username, password=password, grants=grants)
    return password
