"""Every address of the web process, walked from the resolver, so that a new one cannot be forgotten."""

import itertools
import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from aggregation.models import TrainingJob
from aggregation.services import jobs
from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion, Node, Upload
from fleet.registry.services import models, uploads, versions
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.services import plans, pushes
from fleet.trust.core.roles import Role
from fleet.trust.models import EnrolmentToken, Event, Grant, Site, User
from tests.conftest import TESTS
from tests.published import make_version

JSON = "application/json"
LISTS = {
    "nodes/",
    "audit/",
    "search",
    "api/v1/nodes",
    "api/v1/events",
    "api/v1/plans",
    "api/v1/rollouts",
    "plans/new",
} | {
    "rounds/",
    "rounds/new",
}
OUTSIDERS = ("stranger", "other-tenant", "sibling")
METHODS = ("get", "post", "put", "patch", "delete")

# What answers a visitor. Everything else sends them to sign in.
OPEN = {
    "sign-in",
    "healthz",
    "readyz",
    "agent/<str:filename>",
    "api/v1/enrolment",
    "api/v1/enrolment/server",
}
# What is about the one person who asks, or is the same for everybody who is signed in.
PERSONAL = {"sign-out", "settings/preferences", "settings/theme", "settings/password", "settings/access-tokens"}
# Where a person chooses the site in the body: tested in tests/api/test_access.py and tests/fleet/pages.
SITE_IN_BODY = {
    "api/v1/sites",
    "api/v1/enrolment-tokens",
    "api/v1/models",
    "api/v1/uploads",
    "api/v1/jobs",
    "enrolment/tokens",
    "enrolment/decide",
    "models/new",
    "plans/new",
    "rounds/new",
}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Return the route of every address, as written in the `urls.py` files."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        elif isinstance(entry, URLPattern) and not route.startswith("api/v1/["):  # the catch-all of REST
            yield route


ROUTES = sorted(set(routes()))
OF_OBJECTS = [route for route in ROUTES if "<uuid:" in route]
FILLERS = {"chart": "latency", "number": "1", "action": "retire", "filename": "x.whl"}


def address(route: str, uid: object) -> str:
    """Return an address of the route that names one object."""

    def fill(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return str(uid) if kind == "uuid" else FILLERS[name]

    return "/" + re.sub(r"<(\w+):(\w+)>", fill, route)


@pytest.fixture
def objects(make_node, make_token, administrator, bearer, root, pin) -> dict[str, object]:
    """One object of each kind that has addresses, at north/plant-a or, what belongs to the tenant, at north."""
    node = make_node("secret-press", online=True)
    make_version(root)
    everywhere = {"motion": "terminal", "vision": "terminal", "text": "edge", "fusion": "terminal"}
    make_node("secret-edge", tier="edge", online=True)
    plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping=everywhere)
    rollout = pushes.push(actor=TESTS, plan=plan)
    token, _secret = make_token()
    bearer(administrator)
    access_token = administrator.access_tokens.get()
    model = models.create(actor=TESTS, site=root, name="secret-press-model", workload="digits")
    version = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=0)
    upload = uploads.create(actor=TESTS, site=root, size_bytes=3, sha256="0" * 64)
    trained = make_version(root, workload="digits", model="secret-press-in-training")
    job = jobs.create(actor=TESTS, model=trained.model, config={})
    return {
        "nodes": node.uid,
        "enrolment": token.pk,
        "enrolment-tokens": token.pk,
        "settings": access_token.pk,
        "plans": plan.pk,
        "rollouts": rollout.pk,
        "models": model.pk,
        "versions": version.pk,
        "uploads": upload.pk,
        "jobs": job.pk,
        "rounds": job.rounds.get().pk,
    }


def target(route: str, objects: dict[str, object]) -> object:
    if route.startswith("rounds/"):  # pages of rounds lie below their job
        return objects["jobs"]
    return objects[route.removeprefix("api/v1/").split("/")[0]]


def filled(route: str, objects: dict[str, object]) -> str:
    return address(route, target(route, objects) if "<uuid:" in route else None)


@pytest.fixture
def people(make_user, make_site, viewer, operator, administrator, user) -> dict[str, User]:
    return {
        "viewer": viewer,
        "operator": operator,
        "administrator": administrator,
        "stranger": user,
        "other-tenant": make_user("other-tenant", (make_site("south"), Role.ADMINISTRATOR)),
        "sibling": make_user("sibling", (make_site("north/plant-ab"), Role.ADMINISTRATOR)),
    }


def call(client: Client, method: str, url: str):
    options = {} if method == "get" else {"content_type": JSON}
    return getattr(client, method)(url, **options)


def state() -> list[object]:
    """Everything that a request might have changed."""
    return [
        list(Node.objects.order_by("key").values_list("uid", "state")),
        list(EnrolmentToken.objects.order_by("id").values_list("id", "revoked_at")),
        list(User.objects.order_by("id").values_list("id", "password", "theme", "is_active")),
        list(Model.objects.order_by("id").values_list("id", "name")),
        list(ModelVersion.objects.order_by("id").values_list("id", "state")),
        list(TrainingJob.objects.order_by("id").values_list("id", "state")),
        list(Upload.objects.order_by("id").values_list("id", "state", "received_bytes")),
        Site.objects.count(),
        Grant.objects.count(),
        Event.objects.count(),
        list(Rollout.objects.order_by("id").values_list("id", "plan", "state")),
        ShardingPlan.objects.count(),
    ]


def test_the_walk_finds_pages_and_rest():
    assert {"nodes/<uuid:uid>/", "api/v1/nodes/<uuid:uid>/retire", "search", "metrics"} <= set(ROUTES)
    assert set(ROUTES) >= OPEN | PERSONAL | SITE_IN_BODY


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in OPEN])
@pytest.mark.django_db
def test_a_visitor_is_sent_to_sign_in(client: Client, route):
    for method in METHODS:
        answer = call(client, method, address(route, uuid.uuid4()))
        if answer.status_code == 302:
            assert answer["Location"].startswith("/sign-in?next=")
        else:
            assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")


@pytest.mark.parametrize("who", OUTSIDERS)
def test_the_objects_of_others_do_not_exist(client, people, objects, who):
    client.force_login(people[who])
    before = state()
    for route in OF_OBJECTS:
        url = address(route, target(route, objects))
        answers = {method: call(client, method, url).status_code for method in METHODS}
        assert 404 in answers.values(), route
        assert set(answers.values()) <= {404, 405}, (route, answers)
    assert state() == before


@pytest.mark.parametrize("who", OUTSIDERS)
def test_nothing_of_others_is_on_any_page_or_list(client, people, objects, who):
    client.force_login(people[who])
    site = Site.objects.get(path="north/plant-a/")
    query = {"q": "press", "site": site.path, "target": "press", "verb": "node.enrolled"}
    pages = [route for route in ROUTES if "<uuid:" not in route and route not in OPEN]
    for route, wanted in [*itertools.product(pages, ({}, query)), ("nodes/rows", {"ids": str(objects["nodes"])})]:
        answer = client.get(address(route, None), wanted)
        text = answer.content.decode()
        for mark in ("secret-press", *map(str, objects.values()), str(site.pk), "Plant-A"):
            assert not re.search(rf"{mark}\b", text), (route, wanted, mark)


def test_a_viewer_changes_nothing(client, people, objects):
    client.force_login(people["viewer"])
    before = state()
    for route in sorted(set(ROUTES) - OPEN - PERSONAL - SITE_IN_BODY):
        refused = {403, 404, 405} | ({200} if is_read_only_page(route) else set())
        assert call(client, "post", filled(route, objects)).status_code in refused, route
    assert state() == before


def is_read_only_page(route: str) -> bool:
    """Say whether a page draws itself whatever the method; such a page has nothing to change."""
    return route in {"", "nodes/", "nodes/rows", "nodes/<uuid:uid>/", "audit/", "search"}


def test_a_session_changes_nothing_without_the_csrf_token(people, objects):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["administrator"])
    before = state()
    for route, method in itertools.product(sorted(set(ROUTES) - OPEN), METHODS[1:]):
        assert call(client, method, filled(route, objects)).status_code in {403, 405}, (method, route)
    assert state() == before


@pytest.mark.parametrize("route", ROUTES)
def test_no_answer_is_kept_by_a_cache_or_framed(client, people, objects, route):
    client.force_login(people["administrator"])
    answer = client.get(filled(route, objects))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert answer.status_code != 500


@pytest.mark.parametrize("junk", ["\0", "\ud7ff\u202e", "%", "x" * 5000, "9" * 400, "-1", "[]", "' OR 1=1 --"])
def test_no_parameter_breaks_an_address(client, people, objects, junk):
    client.force_login(people["administrator"])
    names = ["q", "status", "tier", "state", "site", "device_type", "ordering", "page", "ids", "verb", "target"]
    more = ["range", "tab", "from", "to", "limit", "nonce", "next", "format", "lang", "way"]
    more += ["model", "version", "mapping"]
    for route in ROUTES:
        url = filled(route, objects)
        assert client.get(url, dict.fromkeys(names + more, junk)).status_code != 500, route
        for name in names if route in LISTS else ():
            assert client.get(url, {name: junk}).status_code != 500, (route, name)
