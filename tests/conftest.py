"""Rows that most tests need: real ones, made by the services that make them in life."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node, Presence
from fleet.trust.core.roles import Role
from fleet.trust.models import EnrolmentToken, Site, User
from fleet.trust.services import access_tokens, enrolment_tokens, server_key, sites, users
from fleet.trust.services.actors import Actor
from muster.canon.signatures import fingerprint
from muster.ids import uuid7

TESTS = Actor.system("tests")
PASSWORD = "a-long-enough-passphrase"
GIB = 1 << 30

MakeSite = Callable[..., Site]
MakeUser = Callable[..., User]
MakeNode = Callable[..., Node]
MakeToken = Callable[..., tuple[EnrolmentToken, str]]
Bearer = Callable[[User], dict[str, str]]


@pytest.fixture
def pin(settings: Any) -> str:
    """The fingerprint of a real server key, made where the settings say."""
    server_key.ensure()
    return server_key.pin()


@pytest.fixture
def unthrottled(db: None) -> None:
    """No attempt has been counted yet."""
    cache.clear()


@pytest.fixture
def make_site(db: None) -> MakeSite:
    """Make a site by its path, with every parent that is missing."""

    def make(path: str) -> Site:
        parent: Site | None = None
        for slug in path.strip("/").split("/"):
            wanted = f"{parent.path if parent else ''}{slug}/"
            found = Site.objects.filter(path=wanted).first()
            parent = found or sites.create(actor=TESTS, parent=parent, slug=slug, name=slug.title())
        assert parent is not None
        return parent

    return make


@pytest.fixture
def root(make_site: MakeSite) -> Site:
    """The tenant."""
    return make_site("north")


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A factory below the tenant."""
    return make_site("north/plant-a")


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Make a user with roles: `make_user("ann", (site, "viewer"))`. The password is PASSWORD."""

    def make(username: str, *grants: tuple[Site, str]) -> User:
        return users.create(actor=TESTS, username=username, password=PASSWORD, grants=list(grants))[0]

    return make


@pytest.fixture
def user(make_user: MakeUser) -> User:
    """A stranger: signed in, without any role."""
    return make_user("stranger")


@pytest.fixture
def viewer(make_user: MakeUser, site: Site) -> User:
    return make_user("viewer", (site, Role.VIEWER))


@pytest.fixture
def operator(make_user: MakeUser, site: Site) -> User:
    return make_user("operator", (site, Role.OPERATOR))


@pytest.fixture
def administrator(make_user: MakeUser, root: Site) -> User:
    return make_user("administrator", (root, Role.ADMINISTRATOR))


@pytest.fixture
def make_node(site: Site) -> MakeNode:
    """Make a node with its presence: `make_node("press", online=True, cpu=0.4)`.

    Args:
        online: its lease runs for another minute; otherwise it was never seen.
        figures: columns of its presence.
    """

    def make(
        name: str = "",
        *,
        at: Site | None = None,
        tier: str = "terminal",
        state: str = NodeState.ACTIVE,
        online: bool = False,
        public_key: bytes | None = None,
        memory_bytes: int | None = 4 * GIB,
        cpu_cores: int | None = 4,
        **figures: Any,
    ) -> Node:
        uid = uuid7()
        key = public_key or hashlib.sha256(uid.bytes).digest()
        node = Node.objects.create(
            uid=uid,
            site=at or site,
            name=name or f"node-{uid.hex[-8:]}",
            tier=tier,
            state=state,
            public_key=key,
            fingerprint=fingerprint(key),
            memory_bytes=memory_bytes,
            cpu_cores=cpu_cores,
            device_type="bench",
        )
        if online:
            now = timezone.now()
            figures = {"seen_at": now, "expires_at": now + timedelta(minutes=1)} | figures
        Presence.objects.create(node=node, **figures)
        return node

    return make


@pytest.fixture
def make_token(site: Site) -> MakeToken:
    """Make an enrolment token and return it with its secret."""

    def make(at: Site | None = None, tier: str = "terminal", **options: Any) -> tuple[EnrolmentToken, str]:
        return enrolment_tokens.create(actor=TESTS, site=at or site, tier=tier, **options)

    return make


@pytest.fixture
def bearer(db: None) -> Bearer:
    """Return the headers with which a script acts for a user."""

    def headers(user: User) -> dict[str, str]:
        _token, secret = access_tokens.create(actor=TESTS, user=user, name="test", lifetime=timedelta(hours=1))
        return {"Authorization": f"Bearer {secret}"}

    return headers
