"""Owner, colleague and stranger on every page."""

import pytest
from django.urls import reverse

OPEN_TO_ALL = ["overview", "nodes", "enrolment", "settings", "audit", "topology", "alerts", "plans", "models", "rounds"]


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_a_visitor_is_sent_to_the_sign_in_page(client, db, name):
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('sign-in')}?next={reverse(name)}"


@pytest.mark.parametrize("name", OPEN_TO_ALL)
@pytest.mark.parametrize("person", ["administrator", "viewer", "user"])
def test_every_page_opens_for_every_role(client, request, make_node, name, person):
    make_node("press", online=True)
    client.force_login(request.getfixturevalue(person))
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", ["overview", "nodes", "audit"])
def test_a_stranger_sees_nothing_of_the_fleet(client, user, make_node, name):
    make_node("secret-press", online=True)
    client.force_login(user)
    assert "secret-press" not in client.get(reverse(name)).content.decode()


def test_a_colleague_sees_a_node_and_a_stranger_does_not(client, viewer, user, make_node):
    node = make_node("press", online=True)
    address = reverse("node", args=[node.uid])
    client.force_login(viewer)
    assert client.get(address).status_code == 200
    client.force_login(user)
    assert client.get(address).status_code == 404


def test_a_colleague_does_not_see_the_neighbouring_site(client, viewer, make_site, make_node):
    make_node("ours", online=True)
    make_node("theirs", at=make_site("north/plant-ab"), online=True)
    client.force_login(viewer)
    page = client.get(reverse("nodes")).content.decode()
    assert "ours" in page
    assert "theirs" not in page


def test_a_viewer_may_not_quarantine_and_is_offered_no_button(client, viewer, make_node):
    node = make_node("press", online=True)
    client.force_login(viewer)
    assert "Quarantine" not in client.get(reverse("node", args=[node.uid])).content.decode()
    answer = client.post(reverse("node-act", args=[node.uid, "quarantine"]), {"reason": "just because"})
    assert answer.status_code == 403
    node.refresh_from_db()
    assert node.state == "active"


def test_search_finds_only_what_the_person_may_see(client, viewer, make_site, make_node):
    make_node("press-1")
    make_node("press-2", at=make_site("south"))
    client.force_login(viewer)
    found = client.get(reverse("search"), {"q": "press"}).content.decode()
    assert "press-1" in found
    assert "press-2" not in found
