"""The commands do what the pages do, in one line, and refuse in one line."""

import json
import uuid

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from fleet.trust.models import EnrolmentToken, Event, Site
from fleet.trust.services import access_tokens


@pytest.fixture
def run(capsys):
    def run(*words: str):
        call_command(*words)
        return json.loads(capsys.readouterr().out)

    return run


def test_create_token_prints_the_command_once(run, site, pin):
    made = run(
        "create_token",
        "--site",
        "north/plant-a",
        "--tier",
        "edge",
        "--auto-approve",
        "--uses",
        "3",
        "--minutes",
        "5",
        "--json",
    )
    token = EnrolmentToken.objects.get(pk=made["id"])
    assert (token.tier, token.auto_approve, token.max_uses, token.site) == ("edge", True, 3, site)
    assert made["pin"] == pin
    assert made["command"].endswith(f"--pin {pin} --token {made['token']}")
    assert Event.objects.get(verb="enrolment_token.created").actor_label == "manage.py"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create_token", "--site", "nowhere", "--tier", "edge"], "no site 'nowhere'"),
        (["create_token", "--site", "north/plant-a", "--tier", "edge", "--minutes", "61"], "lifetime"),
        (["create_token", "--site", "north/plant-a", "--tier", "edge", "--uses", "0"], "max_uses"),
        (["create_token", "--site", "north/plant-a", "--tier", "sky"], "invalid choice"),
        (["create_site", "nowhere/x"], "no site 'nowhere'"),
        (["create_site", "north/plant-a"], "already"),
        (["create_site", "north/UP"], "slug"),
        (["create_user", "ann", "--grant", "north"], "SITE=ROLE"),
        (["create_user", "ann", "--grant", "north=owner"], "role"),
        (["reset_password", "nobody"], "no user 'nobody'"),
        (["create_access_token", "nobody", "--name", "x"], "no user 'nobody'"),
        (["approve_node", str(uuid.uuid4())], "no node"),
    ],
)
def test_a_refusal_is_one_line(site, pin, words, said):
    with pytest.raises(CommandError) as caught:
        call_command(*words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not EnrolmentToken.objects.exists()


def test_without_a_server_key_no_token_is_made(site, settings, tmp_path):
    settings.MUSTER_DATA_DIR = tmp_path
    with pytest.raises(CommandError, match=r"manage\.py prepare"):
        call_command("create_token", "--site", "north/plant-a", "--tier", "edge")
    assert not EnrolmentToken.objects.exists()


@pytest.mark.django_db
def test_create_site_makes_a_root_and_what_is_below(run):
    run("create_site", "west", "--name", "West", "--json")
    run("create_site", "west/plant", "--time-zone", "Asia/Shanghai", "--json")
    assert Site.objects.get(path="west/plant/").time_zone == "Asia/Shanghai"


def test_create_user_prints_a_password_that_works(run, site):
    made = run("create_user", "ann", "--grant", "north/plant-a=operator", "--json")
    user = authenticate(username="ann", password=made["password"])
    assert list(user.grants.values_list("site__path", "role")) == [("north/plant-a/", "operator")]


def test_reset_password_prints_a_new_one_and_ends_every_session(run, viewer, client):
    client.force_login(viewer)
    made = run("reset_password", "viewer", "--json")
    assert authenticate(username="viewer", password=made["password"]) == viewer
    assert client.get("/api/v1/me").status_code == 401
    event = Event.objects.get(verb="user.password_reset")
    assert (event.actor_label, event.target_label) == ("manage.py", "viewer")
    assert made["password"] not in str([event.before, event.after, event.reason])


def test_create_access_token_prints_a_token_that_works(run, viewer):
    made = run("create_access_token", "viewer", "--name", "grafana", "--json")
    assert access_tokens.authenticate(made["token"]) == viewer


def test_nodes_are_listed_and_approved(run, capsys, make_node):
    node = make_node("press", state="pending")
    listed = run("list_nodes", "--site", "north", "--json")
    assert (listed["id"], listed["status"], listed["site"]) == (str(node.uid), "waiting", "north/plant-a")
    assert run("approve_node", str(node.uid), "--json")["state"] == "active"
    with pytest.raises(CommandError):
        call_command("approve_node", str(node.uid))
    call_command("list_nodes", "--site", "south")
    assert capsys.readouterr().out == ""
