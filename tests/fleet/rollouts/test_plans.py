"""Which model a mapping means, what becomes of it, and what stands against it."""

import pytest

from fleet.registry.core.version_states import VersionState
from fleet.registry.models import Model, ModelVersion
from fleet.rollouts.models import ShardingPlan
from fleet.rollouts.services import drafts, plans
from fleet.rollouts.services.refusals import AmbiguousModel, NoModel, PlanMalformed, PlanRefused, WorkloadUnfit
from fleet.trust.access import Verb, visible
from fleet.trust.models import Event
from tests.conftest import GIB, TESTS
from tests.fleet.rollouts.conftest import CARE
from tests.published import make_version


def create(mapping=CARE, models=None, **options):
    models = Model.objects.all() if models is None else models
    return plans.create(actor=TESTS, models=models, mapping=mapping, **options)


def tiers(plan):
    return {name: place["tier"] for name, place in plan.components.items()}


def test_a_mapping_means_the_one_model_that_owns_all_its_keys(care, fleet, root):
    make_version(root, workload="digits")
    plan, created = create()
    assert (created, plan.model.name, plan.version) == (True, "eldercare", care)
    assert tiers(plan) == {"motion": "terminal", **CARE}


def test_the_same_content_is_the_same_plan(care, fleet):
    first, _created = create()
    again, created = create({**CARE, "motion": "terminal"})
    assert (again.pk, created) == (first.pk, False)
    assert Event.objects.filter(verb="plan.created").count() == ShardingPlan.objects.count() == 1


def test_several_models_that_fit_are_all_named(care, fleet, root):
    make_version(root, workload="digits")
    with pytest.raises(AmbiguousModel) as refusal:
        create({"vision": "terminal"})
    assert (refusal.value.code, refusal.value.status) == ("ambiguous_model", 409)
    assert refusal.value.fields == {"model": ["digits", "eldercare"]}
    assert "digits, eldercare" in str(refusal.value)
    plan, _created = create({"vision": "terminal"}, model="eldercare")
    assert plan.model == care.model


def test_a_name_that_two_tenants_use_is_told_apart_by_id(care, fleet, make_site):
    other = make_version(make_site("south"))
    with pytest.raises(AmbiguousModel) as refusal:
        create()
    assert sorted(refusal.value.fields["model"]) == sorted([str(care.model_id), str(other.model_id)])
    plan, _created = create(model=str(care.model_id))
    assert plan.model == care.model


def test_no_model_that_fits_is_told_with_those_there_are(care, fleet, root):
    make_version(root, workload="digits")
    with pytest.raises(NoModel) as refusal:
        create({"head": "cloud", "text": "edge"})
    assert (refusal.value.code, refusal.value.fields) == ("no_model", {"model": ["digits", "eldercare"]})
    assert "eldercare (motion, vision, text, fusion)" in str(refusal.value)


def test_a_model_that_the_person_may_not_release_is_not_meant(care, fleet, make_user, root, make_site):
    stranger = make_user("other", (make_site("south"), "administrator"))
    viewer = make_user("looker", (root, "viewer"))
    for person in (stranger, viewer):
        models = visible(Model.objects.all(), person, Verb.RELEASE)
        with pytest.raises(NoModel) as refusal:
            create(models=models)
        assert refusal.value.fields == {}
        assert "eldercare" not in str(refusal.value)


def test_the_newest_published_version_is_meant_unless_one_is_named(care, fleet, root):
    newest = make_version(root, seed=2)
    waiting = make_version(root, seed=3)
    ModelVersion.objects.filter(pk=waiting.pk).update(state=VersionState.CHECKING)
    assert create()[0].version == newest
    assert create(version=1)[0].version == care
    with pytest.raises(NoModel, match="3"):
        create(model="eldercare", version=3)


def test_components_that_are_not_named_keep_their_place(push, make_node):
    push()
    push({"fusion": "edge"}, model="eldercare")
    assert tiers(create({"text": "edge"}, model="eldercare")[0])["fusion"] == "edge"


@pytest.mark.parametrize(
    "mapping",
    [
        *(None, [], "vision", 7),
        *({"vision": 1}, {"vision": None}, {"vision": ""}, {"": "edge"}, {"vision": ["edge"]}),
        *({"x" * 65: "edge"}, {"vision": "e" * 65}, {f"part{number}": "edge" for number in range(65)}),
    ],
)
def test_what_is_no_mapping_of_texts_is_refused(care, fleet, mapping):
    with pytest.raises(PlanMalformed) as refusal:
        create(mapping)
    assert refusal.value.status == 400


def test_unknown_components_and_tiers_are_each_named(care, fleet):
    with pytest.raises(PlanMalformed) as refusal:
        create({"nose": "edge", "vision": "moon"}, model="eldercare")
    assert set(refusal.value.fields) == {"nose", "vision"}
    assert "motion, vision, text, fusion" in refusal.value.fields["nose"][0]
    assert "moon" in refusal.value.fields["vision"][0]


def test_a_tier_without_an_active_node_of_the_tenant_is_refused(care, pin, make_node, make_site):
    make_node(tier="terminal")
    make_node(tier="edge", state="pending")
    make_node(tier="edge", state="retired")
    make_node(tier="cloud", at=make_site("south/plant"))
    with pytest.raises(PlanRefused) as refusal:
        create()
    assert set(refusal.value.fields) == {"edge", "cloud"}
    assert (refusal.value.code, refusal.value.status) == ("plan_refused", 409)
    assert ShardingPlan.objects.count() == 0


def test_a_raw_input_that_would_leave_its_tier_is_named(care, fleet):
    with pytest.raises(PlanRefused) as refusal:
        create({"vision": "cloud"}, model="eldercare")
    assert "silhouette" in refusal.value.fields["vision"][0]


def test_short_memory_counts_all_models_together_and_names_the_smallest_node(fleet, root, make_node, push):
    push()
    make_node("old-box", tier="edge", memory_bytes=2 * GIB)
    make_version(root, workload="digits", size_bytes={"vision": 600 << 20, "head": 1})
    create({"vision": "edge", "head": "cloud"}, model="digits")  # 448 + 2 × 600 MiB fit into 90 % of 2 GiB
    large = make_version(root, workload="digits", size_bytes={"vision": 900 << 20, "head": 1})
    with pytest.raises(PlanRefused) as refusal:
        create({"vision": "edge", "head": "cloud"}, model="digits")
    (reason,) = refusal.value.fields["edge"]
    assert "old-box" in reason
    assert "2249 MiB" in reason  # rounded up: the text component of the other model is there too
    assert "1843 MiB" in reason
    assert large.number == 2


def test_a_draft_tells_changes_and_refusals_without_writing(care, fleet):
    wished = drafts.draft(models=Model.objects.all(), mapping={"vision": "cloud"}, model="eldercare")
    assert [refusal.subject for refusal in wished.refusals] == ["vision"]
    assert [change.component for change in wished.changes] == ["motion", "vision", "text", "fusion"]
    assert ShardingPlan.objects.count() == 0
    assert Event.objects.filter(verb="plan.created").count() == 0


def test_a_version_of_another_workload_version_is_not_planned(care, fleet):
    ModelVersion.objects.update(workload_version=99)
    with pytest.raises(WorkloadUnfit, match="99"):
        create()


def test_a_model_whose_workload_is_not_installed_is_not_planned(care, fleet):
    Model.objects.update(workload="gone")
    with pytest.raises(WorkloadUnfit, match="gone"):
        create()


def test_the_variant_of_a_tier_is_chosen_where_it_was_published(fleet, root):
    make_version(root, workload="digits")
    wish = {"vision": "terminal", "head": "cloud"}
    assert create(wish)[0].components["vision"] == {"tier": "terminal", "variant": "light"}
    make_version(root, workload="digits", seed=2, variants={"vision": ["full"]})
    assert create(wish)[0].components["vision"] == {"tier": "terminal", "variant": "full"}
