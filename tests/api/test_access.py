"""REST answers each person by their role: owner, colleague at another site, stranger, nobody."""

import pytest
from django.test import Client

from fleet.registry.models import Node
from fleet.trust.models import AccessToken, EnrolmentToken, Event, Site
from fleet.trust.services import users
from fleet.trust.services.actors import Actor

JSON = "application/json"
LISTS = ["nodes", "sites", "enrolment-tokens", "events"]
MOVES = ["approve", "refuse", "quarantine", "release", "retire"]


def url(path: str) -> str:
    return f"/api/v1/{path}"


@pytest.fixture
def colleague(make_user, make_site):
    """Administrator of the neighbour whose path begins with the same letters."""
    return make_user("colleague", (make_site("north/plant-ab"), "administrator"))


@pytest.mark.parametrize("path", [*LISTS, "me", "schema", "docs", "nodes/0190a8b0-0000-7000-8000-000000000000", "x"])
@pytest.mark.django_db
def test_nobody_gets_a_401_that_says_how_to_come_in(client: Client, path):
    answer = client.get(url(path))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x y", "bearer mat_x", "Bearer \xff"])
@pytest.mark.django_db
def test_a_bad_bearer_token_is_refused(client: Client, header):
    answer = client.get(url("me"), headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


@pytest.mark.parametrize("path", LISTS)
def test_a_list_holds_what_the_person_sees(client: Client, path, viewer, user, colleague, make_node, make_token):
    make_node()
    make_token()
    counts = {}
    for person in (viewer, colleague, user):
        client.force_login(person)
        counts[person.username] = client.get(url(path)).json()["count"]
    assert counts["stranger"] == 0
    assert counts["viewer"] >= 1
    if path in ("nodes", "enrolment-tokens"):
        assert counts["colleague"] == 0


@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("colleague", 404), ("stranger", 404)])
def test_a_node_that_is_not_visible_does_not_exist(client, request, viewer, user, colleague, make_node, who, status):
    person = {"viewer": viewer, "colleague": colleague, "stranger": user}[who]
    client.force_login(person)
    answer = client.get(url(f"nodes/{make_node().uid}"))
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("who", ["viewer", "operator", "administrator", "colleague", "stranger"])
def test_a_move_is_for_those_whose_role_allows_it(
    client, viewer, operator, administrator, colleague, user, make_node, who, move
):
    people = {"viewer": viewer, "operator": operator, "administrator": administrator}
    person = (people | {"colleague": colleague, "stranger": user})[who]
    before = {"approve": "pending", "refuse": "pending", "release": "quarantined"}.get(move, "active")
    node = make_node(state=before)
    client.force_login(person)
    status = client.post(url(f"nodes/{node.uid}/{move}"), {"reason": "why"}, content_type=JSON).status_code
    allowed = who == "administrator" or (who == "operator" and move != "retire")
    assert status == (200 if allowed else 404 if who in ("colleague", "stranger") else 403)
    node.refresh_from_db()
    assert (node.state != before) is allowed
    assert Event.objects.filter(target_id=node.uid).count() == int(allowed)


def test_a_second_move_is_a_conflict(client, operator, make_node):
    node = make_node(state="pending")
    client.force_login(operator)
    assert client.post(url(f"nodes/{node.uid}/approve"), content_type=JSON).status_code == 200
    again = client.post(url(f"nodes/{node.uid}/approve"), content_type=JSON)
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")


@pytest.mark.parametrize(
    ("who", "status"), [("viewer", 403), ("operator", 403), ("administrator", 201), ("stranger", 400)]
)
def test_a_site_is_made_by_an_administrator_of_the_one_above(
    client, viewer, operator, administrator, user, site, who, status
):
    person = {"viewer": viewer, "operator": operator, "administrator": administrator, "stranger": user}[who]
    client.force_login(person)
    wish = {"parent": "north/plant-a", "slug": "line-9", "name": "Line 9"}
    answer = client.post(url("sites"), wish, content_type=JSON)
    assert answer.status_code == status
    assert Site.objects.filter(path="north/plant-a/line-9/").exists() is (status == 201)
    if status == 400:
        assert list(answer.json()["fields"]) == ["parent"]


@pytest.mark.parametrize(
    ("who", "status"), [("viewer", 403), ("operator", 201), ("administrator", 201), ("stranger", 400)]
)
def test_an_enrolment_token_is_made_by_an_operator_of_the_site(
    client, pin, viewer, operator, administrator, user, who, status
):
    person = {"viewer": viewer, "operator": operator, "administrator": administrator, "stranger": user}[who]
    client.force_login(person)
    answer = client.post(url("enrolment-tokens"), {"site": "north/plant-a", "tier": "edge"}, content_type=JSON)
    assert answer.status_code == status
    assert EnrolmentToken.objects.count() == int(status == 201)
    if status == 201:
        made = answer.json()
        assert made["token"] in made["command"]
        assert made["pin"] == pin
        assert made["created_by"] == person.username


def test_the_secret_of_a_token_is_never_listed(client, pin, operator):
    client.force_login(operator)
    wish = {"site": "north/plant-a", "tier": "edge"}
    secret = client.post(url("enrolment-tokens"), wish, content_type=JSON).json()["token"]
    assert secret not in client.get(url("enrolment-tokens")).content.decode()
    assert secret not in client.get(url("events")).content.decode()


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("operator", 200), ("stranger", 404)])
def test_a_token_is_revoked_by_an_operator_of_its_site(client, viewer, operator, user, make_token, who, status):
    token, _secret = make_token()
    client.force_login({"viewer": viewer, "operator": operator, "stranger": user}[who])
    assert client.post(url(f"enrolment-tokens/{token.pk}/revoke"), content_type=JSON).status_code == status
    token.refresh_from_db()
    assert (token.revoked_at is not None) is (status == 200)


def test_me_says_who_asks_and_with_which_roles(client, operator, bearer):
    me = client.get(url("me"), headers=bearer(operator)).json()
    assert (me["username"], me["grants"]) == ("operator", [{"site": "north/plant-a", "role": "operator"}])


def test_a_bearer_token_needs_no_csrf_token_but_a_session_does(operator, bearer, make_node):
    strict = Client(enforce_csrf_checks=True)
    node = make_node(state="pending")
    strict.force_login(operator)
    refused = strict.post(url(f"nodes/{node.uid}/approve"), content_type=JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    strict.logout()
    assert strict.post(url(f"nodes/{node.uid}/approve"), content_type=JSON, headers=bearer(operator)).status_code == 200


def test_the_token_of_a_deactivated_person_opens_nothing(client, operator, bearer):
    headers = bearer(operator)
    assert client.get(url("me"), headers=headers).status_code == 200
    users.deactivate(operator, actor=Actor.system("tests"))
    assert client.get(url("me"), headers=headers).status_code == 401


def test_the_event_of_a_move_names_the_person_and_their_address(client, operator, make_node):
    node = make_node(state="pending")
    client.force_login(operator)
    client.post(
        url(f"nodes/{node.uid}/approve"),
        content_type=JSON,
        REMOTE_ADDR="192.0.2.9",
        headers={"X-Forwarded-For": "10.0.0.1"},
    )
    event = Event.objects.get(target_id=node.uid)
    assert (event.actor, event.address) == (operator, "192.0.2.9")


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2.9:5555"])
def test_a_proxy_that_passes_on_no_address_stops_nothing(client, operator, make_node, address):
    node = make_node(state="pending")
    client.force_login(operator)
    answer = client.post(url(f"nodes/{node.uid}/approve"), content_type=JSON, REMOTE_ADDR=address)
    assert answer.status_code == 200
    assert Event.objects.get(target_id=node.uid).address is None


def test_using_a_token_is_noted(client, operator, bearer):
    client.get(url("me"), headers=bearer(operator))
    assert AccessToken.objects.get().last_used_at is not None


def test_a_forbidden_move_changes_nothing(client, viewer, make_node):
    node = make_node()
    client.force_login(viewer)
    client.post(url(f"nodes/{node.uid}/retire"), content_type=JSON)
    assert Node.objects.get(pk=node.pk).state == "active"
