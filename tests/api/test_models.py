"""REST of models, versions and the catalogue: what is said, and to whom."""

import pytest
from django.utils import timezone

from fleet.registry.core.version_states import Origin
from fleet.registry.models import Artifact, Model, ModelVersion, RunningShard, Upload
from fleet.registry.services import models, versions
from muster.workloads import catalogue
from tests.conftest import TESTS

JSON = "application/json"


def url(path: str) -> str:
    return f"/api/v1/{path}"


@pytest.fixture
def model(root) -> Model:
    return models.create(actor=TESTS, site=root, name="numbers", workload="digits")


@pytest.fixture
def version(model) -> ModelVersion:
    made = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=1, note="first")
    return versions.publish(made.pk)


@pytest.fixture
def releaser(make_user, root):
    """May publish for the tenant."""
    return make_user("releaser", (root, "operator"))


@pytest.fixture
def onlooker(make_user, root):
    """May see what the tenant has."""
    return make_user("onlooker", (root, "viewer"))


def post(client, path, body):
    return client.post(url(path), body, content_type=JSON)


def test_the_catalogue_says_what_a_model_can_be_made_of(client, user):
    client.force_login(user)
    answer = client.get(url("workloads")).json()
    assert [found["name"] for found in answer["results"]] == catalogue.names()
    digits = next(found for found in answer["results"] if found["name"] == "digits")
    assert (digits["synthetic"], digits["output"], len(digits["classes"])) == (False, "logits", 10)
    assert digits["inputs"] == [
        {
            "name": "image",
            "shape": [1, 8, 8],
            "dtype": "float32",
            "modality": "vision",
            "home": "terminal",
            "may_leave": True,
        }
    ]
    assert [component["name"] for component in digits["components"]] == ["vision", "head"]
    vision = digits["components"][0]
    assert [variant["name"] for variant in vision["variants"]] == ["full", "light"]
    assert vision["variants"][1]["tiers"] == ["terminal"]
    assert vision["outputs"][0]["name"] in digits["components"][1]["inputs"]
    assert next(found for found in answer["results"] if found["name"] == "eldercare")["synthetic"] is True


def test_a_releaser_makes_a_model_and_a_version_of_first_weights(client, releaser, root):
    client.force_login(releaser)
    made = post(client, "models", {"name": "numbers", "workload": "digits"})
    assert made.status_code == 201
    assert {key: made.json()[key] for key in ("name", "site", "workload", "latest", "versions", "nodes")} == {
        "name": "numbers",
        "site": "north",
        "workload": "digits",
        "latest": None,
        "versions": 0,
        "nodes": 0,
    }
    model_id = made.json()["id"]
    asked = post(client, f"models/{model_id}/versions", {"seed": 7, "note": "first try"})
    assert asked.status_code == 202
    assert (asked.json()["state"], asked.json()["number"], asked.json()["seed"]) == ("checking", 1, 7)
    versions.reconcile()
    done = client.get(url(f"versions/{asked.json()['id']}")).json()
    assert (done["state"], done["note"], done["created_by"]) == ("published", "first try", "releaser")
    assert client.get(url(f"models/{model_id}")).json()["latest"]["id"] == done["id"]
    listed = client.get(url(f"models/{model_id}/versions")).json()
    assert (listed["count"], listed["results"][0]["id"]) == (1, done["id"])


def test_a_version_is_told_with_all_its_hashes(client, onlooker, version):
    client.force_login(onlooker)
    told = client.get(url(f"versions/{version.pk}")).json()
    assert (told["model_name"], told["number"], told["origin"], told["manifest_sha256"]) == (
        "numbers",
        1,
        "initial",
        version.manifest_sha256,
    )
    shards = {
        (component["name"], artifact["variant"]): artifact
        for component in told["components"]
        for artifact in component["artifacts"]
    }
    for artifact in Artifact.objects.select_related("component"):
        shard = shards.pop((artifact.component.name, artifact.variant))
        for column in ("key", "artifact_sha256", "weights_sha256", "size_bytes", "parameters", "flops"):
            assert shard[column] == getattr(artifact, column)
        assert shard["reference"] is (artifact.variant == "full")
    assert shards == {}
    assert told["lineage"] == [{"id": str(version.pk), "number": 1, "state": "published", "depth": 0}]


def test_the_same_weights_under_a_new_number_are_said_to_be_the_same(client, onlooker, model, version):
    again = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=1, parent=version)
    versions.publish(again.pk)
    client.force_login(onlooker)
    told = client.get(url(f"versions/{again.pk}")).json()
    assert (told["number"], told["same_weights_as"]) == (2, [1])
    assert told["parent"] == {"id": str(version.pk), "number": 1}
    assert [row["depth"] for row in told["lineage"]] == [0, 1]


def test_where_a_version_runs_is_listed_with_what_was_proved(client, onlooker, version, make_node):
    right, wrong = Artifact.objects.order_by("key")[:2]
    node = make_node("press")
    RunningShard.objects.create(
        node=node, shard=right.key, weights_sha256=right.weights_sha256, verified_at=timezone.now()
    )
    RunningShard.objects.create(node=node, shard=wrong.key, weights_sha256="f" * 64, verified_at=timezone.now())
    client.force_login(onlooker)
    answer = client.get(url(f"versions/{version.pk}/nodes")).json()
    assert answer["count"] == 2
    assert [(row["node_name"], row["artifact"], row["matches"]) for row in answer["results"]] == [
        ("press", right.key, True),
        ("press", wrong.key, False),
    ]
    assert answer["results"][1]["live_sha256"] == "f" * 64
    assert answer["results"][1]["expected_sha256"] == wrong.weights_sha256
    told = client.get(url(f"versions/{version.pk}")).json()
    assert (told["nodes"], told["nodes_differing"]) == (1, 1)


PEOPLE = ["releaser", "administrator", "onlooker", "operator", "viewer", "colleague", "stranger"]


@pytest.fixture
def person(request, make_user, make_site, releaser, administrator, onlooker, operator, viewer, user):
    """Who asks. `operator` and `viewer` have their roles at one factory; `colleague` is of another tenant."""
    people = {
        "releaser": releaser,
        "administrator": administrator,
        "onlooker": onlooker,
        "operator": operator,
        "viewer": viewer,
        "colleague": make_user("colleague", (make_site("south"), "administrator")),
        "stranger": user,
    }
    return people[request.param]


@pytest.mark.parametrize("person", PEOPLE, indirect=True)
def test_reading_is_for_those_who_see_the_tenant(client, person, model, version):
    sees = person.username in ("releaser", "administrator", "onlooker")
    client.force_login(person)
    assert client.get(url("models")).json()["count"] == int(sees)
    paths = [
        f"models/{model.pk}",
        f"models/{model.pk}/versions",
        f"versions/{version.pk}",
        f"versions/{version.pk}/nodes",
    ]
    assert {client.get(url(path)).status_code for path in paths} == {200 if sees else 404}


@pytest.mark.parametrize("person", PEOPLE, indirect=True)
def test_making_is_for_those_who_release_for_the_tenant(client, person, model):
    client.force_login(person)
    may = person.username in ("releaser", "administrator")
    hidden = person.username in ("colleague", "stranger", "operator", "viewer")
    made = post(client, f"models/{model.pk}/versions", {"seed": 1})
    assert made.status_code == (202 if may else 404 if hidden else 403)
    made = post(client, "models", {"name": "more", "workload": "digits", "site": "north"})
    assert made.status_code == (201 if may else 400 if hidden else 403)
    assert (ModelVersion.objects.count(), Model.objects.count()) == (int(may), 1 + int(may))


def test_without_a_site_the_only_tenant_of_the_person_is_meant(client, releaser, onlooker, make_user, make_site, root):
    wish = {"name": "more", "workload": "digits"}
    client.force_login(onlooker)
    assert post(client, "models", wish).status_code == 403
    both = make_user("both", (root, "operator"), (make_site("south"), "operator"))
    client.force_login(both)
    answer = post(client, "models", wish)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["site"])
    assert post(client, "models", wish | {"site": "south"}).json()["site"] == "south"
    client.force_login(releaser)
    assert post(client, "models", wish).json()["site"] == "north"


def test_a_site_below_a_root_owns_no_model(client, administrator, site):
    client.force_login(administrator)
    answer = post(client, "models", {"name": "more", "workload": "digits", "site": "north/plant-a"})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["site"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "upload"),
        ({"seed": -1}, "seed"),
        ({"seed": 1 << 53}, "seed"),
        ({"seed": 1, "upload": "0190a8b0-0000-7000-8000-000000000000"}, "upload"),
        ({"upload": "0190a8b0-0000-7000-8000-000000000000"}, "upload"),
        ({"seed": 1, "parent": "0190a8b0-0000-7000-8000-000000000000"}, "parent"),
        ({"seed": 1, "note": "x" * 201}, "note"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_its_field(client, releaser, model, body, field):
    client.force_login(releaser)
    answer = post(client, f"models/{model.pk}/versions", body)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
    assert not ModelVersion.objects.exists()


def test_an_upload_of_another_tenant_does_not_exist(client, releaser, model, make_site):
    foreign = Upload.objects.create(
        site=make_site("south"), state="complete", size_bytes=1, sha256="0" * 64, expires_at=timezone.now()
    )
    client.force_login(releaser)
    answer = post(client, f"models/{model.pk}/versions", {"upload": str(foreign.pk)})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["upload"])


def test_a_name_that_is_taken_is_a_conflict(client, releaser, model):
    client.force_login(releaser)
    answer = post(client, "models", {"name": "numbers", "workload": "digits"})
    assert (answer.status_code, answer.json()["code"]) == (409, "model_exists")


@pytest.mark.parametrize("more", [0, 3])
def test_addresses_take_the_same_number_of_queries_however_much_there_is(
    client, onlooker, model, version, make_node, django_assert_num_queries, more
):
    for number in range(1 + more):
        other = models.create(actor=TESTS, site=model.site, name=f"more-{number}", workload="digits")
        versions.create_version(actor=TESTS, model=other, origin=Origin.INITIAL, seed=1)
        versions.publish(versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=number).pk)
        for artifact in Artifact.objects.filter(component__version=version):
            RunningShard.objects.create(
                node=make_node(), shard=artifact.key, weights_sha256="0" * 64, verified_at=timezone.now()
            )
    client.force_login(onlooker)
    signed_in = 3  # session, person, grants
    for path, queries in [
        ("models", 2),
        (f"models/{model.pk}", 1),
        (f"models/{model.pk}/versions", 3),
        (f"versions/{version.pk}", 6),
        (f"versions/{version.pk}/nodes", 5),
        ("workloads", -1),  # nobody's grants are asked for
    ]:
        with django_assert_num_queries(signed_in + queries):
            assert client.get(url(path)).status_code == 200
