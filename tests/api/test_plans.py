"""Plans, pushes and targets over REST: the mapping as it is, refusals with their reasons, desired against reported."""

import json

import pytest

from fleet.registry.models import Model, NodeTarget
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.services import plans, pushes, reconcile
from fleet.trust.models import Event
from tests.conftest import TESTS
from tests.fleet.rollouts.conftest import CARE, obey
from tests.published import make_version

JSON = "application/json"
PLANS = "/api/v1/plans"


@pytest.fixture
def version(root):
    return make_version(root)


@pytest.fixture
def nodes(pin, make_node):
    return {tier: make_node(f"node-{tier}", tier=tier, online=True) for tier in ("terminal", "edge", "cloud")}


@pytest.fixture
def releaser(make_user, root):
    return make_user("releaser", (root, "operator"))


@pytest.fixture
def ask(client, releaser, version, nodes):
    """Ask as an operator of the tenant and return status and answer."""
    client.force_login(releaser)

    def ask(path, body=None, **query):
        if body is None:
            answer = client.get(path, query)
        else:
            answer = client.post(path, json.dumps(body), content_type=JSON, query_params=query)
        return answer.status_code, answer.json()

    return ask


def push(mapping=CARE, **options):
    plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping=mapping, **options)
    return pushes.push(actor=TESTS, plan=plan)


def test_the_mapping_alone_is_a_plan(ask, version):
    status, plan = ask(PLANS, CARE)
    assert status == 201
    assert (plan["model"], plan["version"], plan["version_id"]) == ("eldercare", 1, str(version.pk))
    assert plan["components"] == {
        "motion": {"tier": "terminal", "variant": "full"},
        "vision": {"tier": "terminal", "variant": "full"},
        "text": {"tier": "edge", "variant": "full"},
        "fusion": {"tier": "cloud", "variant": "full"},
    }
    assert (plan["is_current"], plan["created_by"]) == (False, "releaser")
    assert [change["component"] for change in plan["changes"]] == ["motion", "vision", "text", "fusion"]
    assert plan["changes"][0]["before"] is None
    assert plan["changes"][0]["nodes"] == 1
    status, again = ask(PLANS, CARE)
    assert (status, again["id"]) == (200, plan["id"])


def test_the_audit_trail_names_who_made_and_pushed_it(ask):
    _status, plan = ask(PLANS, CARE)
    ask(f"{PLANS}/{plan['id']}/push", {"reason": "night shift"})
    events = Event.objects.filter(actor_label="releaser").order_by("id").values_list("verb", "reason")
    assert list(events) == [("plan.created", ""), ("rollout.started", "night shift")]


def test_an_ambiguous_mapping_is_answered_with_the_candidates(ask, root):
    make_version(root, workload="digits")
    status, answer = ask(PLANS, {"vision": "terminal"})
    assert (status, answer["code"]) == (409, "ambiguous_model")
    assert answer["fields"] == {"model": ["digits", "eldercare"]}
    status, plan = ask(PLANS, {"vision": "terminal"}, model="eldercare", version=1)
    assert (status, plan["model"]) == (201, "eldercare")


@pytest.mark.parametrize(
    ("body", "query", "status", "code"),
    [
        ([], {}, 400, "invalid"),
        ({"vision": 3}, {}, 400, "invalid"),
        ({"vision": "moon"}, {"model": "eldercare"}, 400, "invalid"),
        ({"nose": "edge"}, {"model": "eldercare"}, 400, "invalid"),
        ({"nose": "edge"}, {}, 409, "no_model"),
        (CARE, {"model": "gone"}, 409, "no_model"),
        (CARE, {"version": 7}, 409, "no_model"),
        (CARE, {"version": "x"}, 400, "invalid"),
        (CARE, {"version": 0}, 400, "invalid"),
        ({"vision": "cloud"}, {"model": "eldercare"}, 409, "plan_refused"),
    ],
)
def test_a_refusal_says_why(ask, body, query, status, code):
    found, answer = ask(PLANS, body, **query)
    assert (found, answer["code"]) == (status, code)
    assert answer["detail"]
    assert not ShardingPlan.objects.exists()


def test_a_plan_shows_what_pushing_it_would_change(ask, nodes):
    _status, first = ask(PLANS, CARE)
    status, rollout = ask(f"{PLANS}/{first['id']}/push", {})
    assert (status, rollout["state"], rollout["counts"]) == (200, "running", {"pending": 3})
    assert ask(f"{PLANS}/{first['id']}/push", {})[1]["id"] == rollout["id"]
    _status, second = ask(PLANS, {"fusion": "edge"}, model="eldercare")
    _status, shown = ask(f"{PLANS}/{second['id']}")
    differing = [change for change in shown["changes"] if change["differs"]]
    assert [(item["component"], item["before"]["tier"], item["after"]["tier"]) for item in differing] == [
        ("fusion", "cloud", "edge")
    ]
    assert differing[0]["total_bytes"] == differing[0]["fetch_bytes"] == differing[0]["after"]["size_bytes"]
    _status, listed = ask(PLANS)
    assert [(row["id"], row["is_current"]) for row in listed["results"]] == [
        (second["id"], False),
        (first["id"], True),
    ]


def test_a_push_is_refused_when_the_fleet_has_changed(ask, nodes):
    _status, plan = ask(PLANS, CARE)
    type(nodes["cloud"]).objects.filter(pk=nodes["cloud"].pk).update(state="quarantined")
    status, answer = ask(f"{PLANS}/{plan['id']}/push", {})
    assert (status, answer["code"], list(answer["fields"])) == (409, "plan_refused", ["cloud"])


def test_a_rollout_tells_each_node_desired_against_reported(ask, nodes):
    rollout = push()
    obey(nodes["terminal"])
    reconcile.run()
    _status, shown = ask(f"/api/v1/rollouts/{rollout.pk}")
    assert shown["counts"] == {"active": 1, "pending": 2}
    _status, page = ask(f"/api/v1/rollouts/{rollout.pk}/nodes")
    assert (page["count"], [row["name"] for row in page["results"]]) == (
        3,
        ["node-cloud", "node-edge", "node-terminal"],
    )
    terminal = page["results"][2]
    assert (terminal["state"], terminal["generation"]) == ("active", terminal["report"]["serving"])
    assert [(shard["component"], shard["state"], shard["matches"]) for shard in terminal["shards"]] == [
        ("motion", "serving", True),
        ("vision", "serving", True),
    ]
    for shard in terminal["shards"]:
        assert shard["live_weights_sha256"] == shard["weights_sha256"]
    cloud = page["results"][0]
    assert (cloud["report"], cloud["shards"][0]["matches"], cloud["shards"][0]["state"]) == (None, None, None)
    _status, active = ask(f"/api/v1/rollouts/{rollout.pk}/nodes", state="active")
    assert [row["name"] for row in active["results"]] == ["node-terminal"]
    assert ask(f"/api/v1/rollouts/{rollout.pk}/nodes", state="nonsense")[0] == 400


def test_rollouts_are_found_by_model_and_state(ask):
    first = push()
    second = push({"fusion": "edge"}, model="eldercare")
    for query, found in [
        ({}, [second, first]),
        ({"state": "superseded"}, [first]),
        ({"model": "eldercare", "state": "running"}, [second]),
        ({"model": str(first.model_id)}, [second, first]),
        ({"model": "digits"}, []),
    ]:
        _status, page = ask("/api/v1/rollouts", **query)
        assert [row["id"] for row in page["results"]] == [str(rollout.pk) for rollout in found]


def test_a_node_tells_its_target_beside_its_report(ask, nodes):
    url = f"/api/v1/nodes/{nodes['edge'].uid}/target"
    assert ask(url)[1] == {
        "generation": None,
        "issued_at": None,
        "content_sha256": None,
        "document": None,
        "report": None,
        "running": [],
    }
    push()
    obey(nodes["edge"])
    _status, told = ask(url)
    row = NodeTarget.objects.get(node=nodes["edge"])
    assert told["document"] == json.loads(bytes(row.document))
    assert told["generation"] == told["report"]["serving"] == [row.release_epoch, row.counter]
    (running,) = told["running"]
    assert (running["model"], running["component"], running["matches"]) == ("eldercare", "text", True)


@pytest.mark.parametrize("who", ["viewer of the tenant", "operator of a factory", "stranger"])
def test_only_operators_of_the_tenant_plan_and_push(client, make_user, root, site, version, nodes, who):
    grants = {"viewer of the tenant": (root, "viewer"), "operator of a factory": (site, "operator")}
    rollout = push()
    person = make_user("person", *([grants[who]] if who in grants else []))
    client.force_login(person)
    made = client.post(PLANS, json.dumps(CARE), content_type=JSON)
    pushed = client.post(f"{PLANS}/{rollout.plan_id}/push", "{}", content_type=JSON)
    sees = who == "viewer of the tenant"
    assert made.status_code == (409 if who == "operator of a factory" else 403)
    assert pushed.status_code == (403 if sees else 404)
    assert client.get(f"/api/v1/rollouts/{rollout.pk}/nodes").status_code == (200 if sees else 404)
    assert client.get(f"{PLANS}/{rollout.plan_id}").status_code == (200 if sees else 404)
    assert (Rollout.objects.count(), ShardingPlan.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("path", "budget"), [("plans", 5), ("rollouts", 6), ("rollouts/{rollout}/nodes", 8), ("rollouts/{rollout}", 5)]
)
def test_a_list_costs_the_same_for_any_number_of_rows(ask, client, make_node, path, budget, django_assert_num_queries):
    for number in range(12):
        rollout = push({"fusion": "edge" if number % 2 else "cloud", "text": "edge"})
    for number in range(30):
        obey(make_node(f"more-{number}", tier="edge", online=True))
    reconcile.run()
    with django_assert_num_queries(budget):  # session, user, grants; count, page; what belongs to the page
        assert client.get(f"/api/v1/{path.format(rollout=rollout.pk)}").status_code == 200
