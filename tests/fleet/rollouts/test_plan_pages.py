"""The pages of plans: what a mapping means is shown before it is made, refused by name, and pushed with a reason."""

import json
import re

import pytest
from django.urls import reverse

from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.services import reconcile
from fleet.trust.models import Event
from tests.fleet.rollouts.conftest import CARE, obey
from tests.published import make_version

PASTED = '{"vision": "terminal", "text": "edge", "fusion": "cloud"}'


def words(answer):
    """Return the text of a page with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


@pytest.fixture
def owner(client, administrator):
    client.force_login(administrator)
    return client


def test_the_mapping_pasted_exactly_so_is_a_plan(owner, care, fleet):
    answer = owner.post(reverse("plan-new"), {"way": "paste", "mapping": PASTED})
    plan = ShardingPlan.objects.get()
    assert answer["Location"] == reverse("plan", args=[plan.pk])
    assert {name: place["tier"] for name, place in plan.components.items()} == CARE | {"motion": "terminal"}
    assert Event.objects.filter(verb="plan.created", actor_label="administrator").exists()


def test_the_same_wish_again_is_the_same_plan(owner, care, fleet):
    for _time in range(2):
        answer = owner.post(reverse("plan-new"), {"way": "paste", "mapping": PASTED}, follow=True)
    assert ShardingPlan.objects.count() == 1
    assert "This plan exists already" in words(answer)


def test_chosen_tiers_are_a_plan(owner, care, fleet):
    owner.post(reverse("plan-new"), {"model": str(care.model_id), "tier-fusion": "edge"})
    assert ShardingPlan.objects.get().components["fusion"]["tier"] == "edge"


def test_what_a_mapping_would_mean_is_shown_without_making_it(owner, care, fleet):
    answer = owner.get(reverse("plan-new"), {"way": "paste", "mapping": PASTED})
    page = words(answer)
    assert "Every tier has nodes, memory suffices, and no raw input leaves its tier." in page
    assert "3 nodes hold a part of it. 3 of them fetch" in page
    assert '<svg class="lanes"' in answer.content.decode()
    assert not ShardingPlan.objects.exists()


def test_a_raw_input_that_would_leave_is_refused_by_name(owner, care, fleet):
    answer = owner.post(reverse("plan-new"), {"model": str(care.model_id), "tier-vision": "cloud"})
    assert answer.status_code == 409
    assert "raw input “silhouette”, which may not leave the tier Terminal" in words(answer)
    assert 'class="flow is-refused"' in answer.content.decode()
    assert not ShardingPlan.objects.exists()


def test_a_tier_without_a_node_is_refused_by_name(owner, care, pin, make_node):
    make_node("only", tier="terminal", online=True)
    answer = owner.get(reverse("plan-new"), {"model": str(care.model_id)})
    assert "The tier Edge has no active node for text." in words(answer)
    assert "The tier Cloud has no active node for fusion." in words(answer)


def test_a_mapping_that_fits_two_models_names_both(owner, care, fleet, root):
    make_version(root, workload="digits")
    answer = owner.post(reverse("plan-new"), {"way": "paste", "mapping": '{"vision": "terminal"}'})
    assert answer.status_code == 409
    assert "Several models fit: digits, eldercare." in words(answer)
    answer = owner.post(reverse("plan-new"), {"way": "paste", "mapping": '{"vision": "terminal"}', "model": "digits"})
    assert ShardingPlan.objects.get().model.name == "digits"


@pytest.mark.parametrize(
    "text",
    ["[]", "nonsense", '{"vision": 1}', '{"vision": "edge", "vision": "cloud"}', "[" * 5000, '{"vision": "moon"}'],
)
def test_what_is_no_mapping_is_said_and_makes_nothing(owner, care, fleet, text):
    answer = owner.post(reverse("plan-new"), {"way": "paste", "mapping": text})
    assert answer.status_code == 409
    assert not ShardingPlan.objects.exists()


def test_the_draft_alone_is_answered_where_the_form_asks_again(owner, care, fleet):
    answer = owner.get(
        reverse("plan-new"),
        {"model": str(care.model_id), "tier-fusion": "edge"},
        headers={"hx-request": "true", "hx-target": "draft"},
    )
    assert "<html" not in answer.content.decode()
    assert re.search(r'name="tier-fusion" value="edge" checked', answer.content.decode())


def test_a_push_needs_a_reason_and_is_recorded_with_it(owner, care, fleet):
    owner.post(reverse("plan-new"), {"way": "paste", "mapping": PASTED})
    plan = ShardingPlan.objects.get()
    assert "Push to 3 nodes" in words(owner.get(reverse("plan", args=[plan.pk])))
    owner.post(reverse("plan-push", args=[plan.pk]), {"reason": "ok"})
    assert not Rollout.objects.exists()
    answer = owner.post(reverse("plan-push", args=[plan.pk]), {"reason": "first time on the fleet"})
    rollout = Rollout.objects.get()
    assert answer["Location"] == reverse("rollout", args=[rollout.pk])
    assert rollout.reason == "first time on the fleet"
    assert Event.objects.get(verb="rollout.started").reason == "first time on the fleet"


def test_a_plan_is_told_apart_from_the_active_one(owner, push):
    push()
    push({"fusion": "edge"})
    first = ShardingPlan.objects.earliest("created_at")
    answer = owner.get(reverse("plan", args=[first.pk]))
    assert "Earlier" in words(answer)
    changed = [change.component for change in answer.context["changes"] if change.differs]
    assert changed == ["fusion"]
    assert "is here under the active plan" in words(answer)


def test_the_states_of_plans_are_derived_from_their_pushes(owner, push, fleet):
    push()
    push({"fusion": "edge"})
    owner.post(reverse("plan-new"), {"way": "paste", "mapping": json.dumps({"text": "edge", "motion": "terminal"})})
    rows = owner.get(reverse("plans")).context["rows"]
    assert [row.state for row in rows] == ["pushing", "earlier"]  # the third wish is the pushed plan itself
    obey(*fleet.values())
    reconcile.run()
    assert owner.get(reverse("plans")).context["rows"][0].state == "active"


def test_a_plan_that_is_pushed_is_offered_no_push(owner, push):
    rollout = push()
    page = owner.get(reverse("plan", args=[rollout.plan_id])).content.decode()
    assert 'data-dialog-open="push"' not in page


def test_first_use_says_how_to_begin(owner, pin, root):
    assert "Publish a model" in words(owner.get(reverse("plans")))
    make_version(root)
    assert "New plan" in words(owner.get(reverse("plans")))


def test_topology_draws_each_active_plan(owner, push):
    assert "No plan is active" in words(owner.get(reverse("topology")))
    rollout = push()
    page = owner.get(reverse("topology")).content.decode()
    assert 'id="lanes-0-title"' in page
    assert reverse("plan", args=[rollout.plan_id]) in page


@pytest.mark.parametrize("who", ["viewer", "user"])
def test_who_may_not_see_the_model_sees_no_plan(client, request, push, who):
    rollout = push()
    client.force_login(request.getfixturevalue(who))  # a role at one factory is none at the tenant's root
    assert rollout.plan.plan_sha256[:8] not in client.get(reverse("plans")).content.decode()
    assert client.get(reverse("plan", args=[rollout.plan_id])).status_code == 404
    assert client.post(reverse("plan-push", args=[rollout.plan_id]), {"reason": "just because"}).status_code == 404


def test_a_colleague_reads_plans_and_may_not_push_them(client, make_user, root, push):
    rollout = push()
    other = push({"fusion": "edge"})
    client.force_login(make_user("colleague", (root, "viewer")))
    page = client.get(reverse("plan", args=[rollout.plan_id]))
    assert "You can read plans but not push them." in words(page)
    assert "plan-push" not in page.content.decode()
    answer = client.post(reverse("plan-push", args=[rollout.plan_id]), {"reason": "just because"})
    assert answer.status_code == 403
    assert client.post(reverse("plan-new"), {"way": "paste", "mapping": PASTED}).status_code == 409
    assert Rollout.objects.exclude(state="superseded").get() == other
