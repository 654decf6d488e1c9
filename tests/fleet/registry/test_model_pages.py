"""The pages of models: what there is, where it came from, what it is made of, where it runs; and publishing."""

import hashlib
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from fleet.registry.core.version_states import Origin, VersionState
from fleet.registry.models import Artifact, Model, ModelVersion, RunningShard
from fleet.registry.services import uploads
from fleet.trust.models import Event
from tests.conftest import TESTS
from tests.published import make_version

WISH = {"site": "north/", "workload": "digits", "name": "digits", "origin": "initial", "seed": "7", "note": "first"}


def words(answer):
    """Return the text of a page with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


@pytest.fixture
def owner(client, administrator):
    client.force_login(administrator)
    return client


def run(version, node, *, wrong=False):
    """Let a node run every reference artifact of a version."""
    for artifact in Artifact.objects.filter(component__version=version, is_reference=True):
        weights = "f" * 64 if wrong else artifact.weights_sha256
        RunningShard.objects.create(node=node, shard=artifact.key, weights_sha256=weights, verified_at=timezone.now())


def test_the_list_says_what_runs_and_what_is_synthetic(owner, root, make_node):
    version = make_version(root)
    make_version(root, workload="digits")
    run(version, make_node("press", online=True))
    answer = owner.get(reverse("models"))
    assert "2 models. 1 runs on nodes now." in words(answer)
    rows = {row.model.name: row for row in answer.context["rows"]}
    assert (rows["eldercare"].model.nodes, rows["digits"].model.nodes) == (1, 0)
    assert re.search(r"Care of the elderly\s+Synthetic", words(answer))
    assert not re.search(r"Handwritten digits\s+Synthetic", words(answer))


def test_a_version_that_waits_stands_beside_the_newest_published_one(owner, root):
    version = make_version(root)
    ModelVersion.objects.create(
        model=version.model, number=2, origin=Origin.UPLOADED, state=VersionState.CHECKING, workload_version=1
    )
    (row,) = owner.get(reverse("models")).context["rows"]
    assert (row.version.number, row.last.number) == (1, 2)


def test_a_model_shows_its_lineage_as_a_tree(owner, root):
    first = make_version(root)
    second = make_version(root, seed=2, parent=first)
    make_version(root, seed=3, parent=second)
    make_version(root, seed=4, parent=first)
    answer = owner.get(reverse("model", args=[first.model_id]))

    def tree(branches):
        return [(branch.version.number, tree(branch.grown)) for branch in branches]

    assert tree(answer.context["lineage"]) == [(1, [(2, [(3, [])]), (4, [])])]


def test_a_version_shows_every_hash_whole(owner, root):
    version = make_version(root)
    page = owner.get(reverse("model-version", args=[version.model_id, 1])).content.decode()
    for artifact in Artifact.objects.filter(component__version=version):
        assert f">{artifact.weights_sha256}</code>" in page
        assert f">{artifact.artifact_sha256}</code>" in page
    assert f">{version.manifest_sha256}</code>" in page


def test_a_version_shows_where_it_runs_and_whether_the_live_hash_matches(owner, root, make_node):
    version = make_version(root, workload="digits")
    run(version, make_node("good", online=True))
    run(version, make_node("bad", online=True), wrong=True)
    answer = owner.get(reverse("model-version", args=[version.model_id, 1]))
    shown = {(shard.node.name, shard.component): shard.matches for shard in answer.context["page"].object_list}
    assert shown == {
        ("good", "vision"): True,
        ("good", "head"): True,
        ("bad", "vision"): False,
        ("bad", "head"): False,
    }
    assert words(answer).count("Differs") == 2


def test_a_refused_version_says_why(owner, root):
    model = make_version(root).model
    ModelVersion.objects.create(
        model=model,
        number=2,
        origin=Origin.UPLOADED,
        state=VersionState.REFUSED,
        refusal="vision.weight holds a NaN",
        refusal_code="not_finite",
        workload_version=1,
    )
    page = words(owner.get(reverse("model-version", args=[model.pk, 2])))
    assert "Its weights were refused. vision.weight holds a NaN not_finite" in page


def test_a_number_that_no_version_has_is_no_page(owner, root):
    model = make_version(root).model
    for number in (0, 9, 10**12):
        assert owner.get(f"/models/{model.pk}/versions/{number}/").status_code == 404


def test_a_form_makes_model_and_version_which_a_worker_then_checks(owner, root):
    answer = owner.post(reverse("model-new"), WISH)
    version = ModelVersion.objects.get()
    assert answer["Location"] == reverse("model-version", args=[version.model_id, 1])
    assert (version.model.name, version.seed, version.note, version.state) == ("digits", 7, "first", "checking")
    assert "being checked and cut into components" in words(owner.get(answer["Location"]))
    assert Event.objects.filter(verb="version.created", actor_label="administrator").exists()


def test_a_name_that_exists_gets_its_next_version(owner, root):
    for _time in range(2):
        owner.post(reverse("model-new"), WISH)
    assert list(ModelVersion.objects.order_by("number").values_list("model__name", "number")) == [
        ("digits", 1),
        ("digits", 2),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Digits!"}, "name"),
        ({"name": "UPPER"}, "name"),
        ({"workload": "unheard-of"}, "workload"),
        ({"site": "south/"}, "site"),
        ({"seed": "-1"}, "seed"),
        ({"seed": ""}, "seed"),
        ({"seed": str(1 << 62)}, "seed"),
        ({"origin": "uploaded"}, "upload"),
        ({"origin": "uploaded", "upload": "nonsense"}, "upload"),
        ({"origin": "uploaded", "upload": "01920000-0000-7000-8000-000000000001"}, "upload"),
        ({"note": "x" * 201}, "note"),
    ],
)
def test_what_cannot_be_published_is_refused_beside_its_field_and_leaves_nothing(owner, root, changes, field):
    answer = owner.post(reverse("model-new"), WISH | changes)
    assert answer.status_code == 400
    assert field in answer.context["form"].errors
    assert not Model.objects.exists()


def test_a_name_of_another_workload_is_refused(owner, root):
    make_version(root, model="digits")  # of eldercare, whatever it is called
    answer = owner.post(reverse("model-new"), WISH)
    assert "made of the workload “eldercare”" in words(answer)
    assert ModelVersion.objects.count() == 1


def test_an_upload_that_is_complete_becomes_a_version_and_an_open_one_does_not(owner, root, administrator):
    data = b"not looked at before a worker does"
    upload = uploads.create(actor=TESTS, site=root, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    wish = WISH | {"origin": "uploaded", "upload": str(upload.pk)}
    assert owner.post(reverse("model-new"), wish).status_code == 409
    assert not Model.objects.exists()
    uploads.append(upload, offset=0, data=data)
    owner.post(reverse("model-new"), wish)
    assert ModelVersion.objects.get().source_sha256 == upload.sha256


def test_only_who_releases_for_a_tenant_is_offered_the_form(client, operator, make_user, root):
    colleague = make_user("colleague", (root, "viewer"))
    for person in (operator, colleague):  # a role at one factory is none at the tenant's root
        client.force_login(person)
        assert "You may look, but not publish." in words(client.get(reverse("model-new")))
        assert client.post(reverse("model-new"), WISH).status_code == 400
    assert not Model.objects.exists()


def test_a_colleague_sees_models_and_a_stranger_none(client, make_user, root, user):
    version = make_version(root)
    addresses = [reverse("model", args=[version.model_id]), reverse("model-version", args=[version.model_id, 1])]
    client.force_login(make_user("colleague", (root, "viewer")))
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    assert "eldercare" in client.get(reverse("models")).content.decode()
    client.force_login(user)
    assert [client.get(address).status_code for address in addresses] == [404, 404]
    assert "eldercare" not in client.get(reverse("models")).content.decode()


def test_nobody_sees_the_nodes_of_another_tenant_under_a_version(client, administrator, make_site, make_node, root):
    version = make_version(root, workload="digits")
    run(version, make_node("theirs", at=make_site("south"), online=True))  # a device may claim anything
    client.force_login(administrator)
    page = client.get(reverse("model-version", args=[version.model_id, 1])).content.decode()
    assert "theirs" not in page
