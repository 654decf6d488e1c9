"""The pages of training: jobs, one job, one round, where a version came from; for owner, colleague and stranger."""

import re
from typing import Any

import pytest
from django.urls import reverse

from aggregation.core import strategies
from aggregation.core.failures import Failure
from aggregation.core.lifecycle import Screen
from aggregation.models import Member, TrainingJob, Update
from aggregation.models.words import DETAILS, FAILURES, REASONS, SCREENS, STRATEGIES
from aggregation.services import jobs, rounds
from fleet.registry.models import ModelVersion, Node
from muster.wire.work import WorkReason, WorkState
from tests.aggregation.history import finished_job
from tests.aggregation.members import look, say, submit, task_of
from tests.conftest import TESTS
from tests.published import make_version

pytestmark = pytest.mark.django_db

CURVE = (
    {"all": 0.61, "motion": 0.41, "vision": 0.48, "text": 0.34},
    {"all": 0.86, "motion": 0.68, "vision": 0.63, "text": 0.45},
    {"all": 0.84, "motion": 0.70, "vision": 0.63, "text": 0.45},
)
UNTRAINED = {"all": 0.17, "motion": 0.16, "vision": 0.15, "text": 0.17}


def words(answer: Any) -> str:
    """Return the text of a page with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode())).replace("\u00a0", " ")


@pytest.fixture
def care(root, pin) -> ModelVersion:
    return make_version(root)


@pytest.fixture
def press(make_node, pin) -> list[Node]:
    return [make_node(f"press-{number:02}", online=True) for number in range(8)]


@pytest.fixture
def done(care, press) -> TrainingJob:
    return finished_job(care, press, CURVE, before=UNTRAINED)


@pytest.fixture
def open_job(care, press) -> TrainingJob:
    """A job whose first round collects."""
    job = jobs.create(actor=TESTS, model=care.model, config={"rounds": 2, "push": False})
    look()
    return job


@pytest.fixture
def owner(client, administrator):
    client.force_login(administrator)
    return client


@pytest.fixture
def colleague(client, make_user, root):
    client.force_login(make_user("colleague", (root, "viewer")))
    return client


def test_every_word_of_the_services_has_its_words():
    assert set(SCREENS) == set(Screen)
    assert set(REASONS) == set(WorkReason)
    assert set(FAILURES) == set(Failure)
    assert set(STRATEGIES) == set(strategies.names())
    assert all(str(text) for text in DETAILS.values())
    for table in (SCREENS, REASONS, FAILURES):
        assert all(str(words.name) and str(words.advice) for key, words in table.items() if key)


def test_whoever_may_not_see_the_tenant_finds_nothing(client, viewer, user, done):
    addresses = [
        reverse("job", args=[done.pk]),
        reverse("job-figure", args=[done.pk]),
        reverse("round", args=[done.pk, 1]),
        reverse("version-origin", args=[done.model_id, 2]),
    ]
    for person in (viewer, user):  # a viewer of one factory, and a stranger
        client.force_login(person)
        assert [client.get(address).status_code for address in addresses] == [404] * 4
        assert "No training yet" in words(client.get(reverse("rounds")))


def test_a_colleague_reads_and_is_offered_nothing_to_change(colleague, open_job):
    page = words(colleague.get(reverse("job", args=[open_job.pk])))
    assert "Round 1 of 2 collects" in page
    assert "Stop" not in page
    assert "Train a model" not in words(colleague.get(reverse("rounds")))
    assert "There is nothing to train" in words(colleague.get(reverse("job-new")))
    assert colleague.post(reverse("job-stop", args=[open_job.pk]), {"reason": "just because"}).status_code == 403
    assert colleague.post(reverse("job-new"), {}).status_code == 403
    open_job.refresh_from_db()
    assert open_job.state == "running"


def test_the_first_page_says_how_to_begin(owner, care):
    page = owner.get(reverse("rounds")).content.decode()
    assert reverse("job-new") in page
    assert "manage.py train eldercare" in page
    assert "POST /api/v1/jobs" in page


def test_without_a_published_model_the_first_page_leads_there(owner):
    assert reverse("model-new") in owner.get(reverse("rounds")).content.decode()


def test_the_list_holds_best_against_base(owner, done):
    page = words(owner.get(reverse("rounds")))
    assert "3 of 3" in page
    assert "86.0 %" in page
    assert "+69.0 points" in page
    assert "Synthetic" in page


def test_a_job_says_what_was_won_and_by_how_much_fusion_leads(owner, done):
    page = words(owner.get(reverse("job", args=[done.pk])))
    assert "Its 3 rounds are over. Version 3 answers best: 86.0 % right, 69.0 points more than its base." in page
    assert (
        "In round 2, the best, fusion answers 86.0 % right: 18.0 points more than the best single modality, "
        "Motion with 68.0 %." in page
    )


def test_fusion_that_loses_is_said_so(owner, care, press):
    job = finished_job(care, press, [{"all": 0.5, "motion": 0.6}])
    assert "10.0 points fewer than the best single modality, Motion" in words(owner.get(reverse("job", args=[job.pk])))


def test_a_base_that_was_never_measured_is_not_compared_with(owner, care, press):
    job = finished_job(care, press, [{"all": 0.5}])
    page = words(owner.get(reverse("job", args=[job.pk])))
    assert "Version 2 answers best: 50.0 % of held-out samples right." in page
    figure = owner.get(reverse("job-figure", args=[job.pk])).json()
    assert figure["layout"]["meta"]["lines"] == []
    assert figure["data"][0]["x"] == [1]


def test_the_chart_has_a_line_for_each_modality_and_the_base_dotted(owner, done):
    figure = owner.get(reverse("job-figure", args=[done.pk])).json()
    lines = {trace["name"]: trace for trace in figure["data"]}
    assert list(lines) == ["Fusion", "Motion", "Text", "Vision"]
    assert (lines["Fusion"]["x"], lines["Fusion"]["y"]) == ([0, 1, 2, 3], [17, 61, 86, 84])
    assert (lines["Motion"]["x"], lines["Motion"]["y"]) == ([1, 2, 3], [41, 68, 70])
    meta = figure["layout"]["meta"]
    assert meta["lines"] == [{"y": 17, "label": "Base, version 1", "limit": False}]
    assert meta["finding"].startswith("Accuracy on held-out data by round, at last: Fusion 84.0 %")


def test_the_chart_of_a_job_without_a_result_says_so(owner, open_job):
    figure = owner.get(reverse("job-figure", args=[open_job.pk])).json()
    assert figure["data"] == []
    assert figure["layout"]["meta"]["finding"].endswith("no round is published yet.")


def test_the_funnel_moves_with_what_the_services_take(owner, open_job, press):
    for node in press[:3]:
        submit(node, task_of(node), data=node.name.encode())
    say(press[3], task_of(press[3]), WorkState.TRAINING)
    say(press[4], task_of(press[4]), WorkState.FAILED, WorkReason.DISK_FULL, "2 MiB are free")
    look()
    answer = owner.get(reverse("job", args=[open_job.pk]))
    assert {stage.state: stage.count for stage in answer.context["stages"]} == {
        "invited": 8, "training": 4, "received": 3, "accepted": 0,
    }  # fmt: skip
    assert {stage.state: stage.count for stage in answer.context["aside"]} == {"refused": 0, "late": 0, "dropped": 1}
    assert "Round 1 of 2 collects: the updates of 3 of 8 members are here." in words(answer)


@pytest.mark.parametrize("panel", ["job-head", "job-funnel", "job-margin", "job-rounds"])
def test_a_panel_of_a_job_is_answered_alone(owner, open_job, panel):
    headers = {"hx-request": "true", "hx-target": panel}
    body = owner.get(reverse("job", args=[open_job.pk]), headers=headers).content.decode()
    assert f'id="{panel}"' in body
    assert "<html" not in body


@pytest.mark.parametrize("panel", ["round-head", "round-members"])
def test_a_panel_of_a_round_is_answered_alone(owner, open_job, panel):
    headers = {"hx-request": "true", "hx-target": panel}
    body = owner.get(reverse("round", args=[open_job.pk, 1]), headers=headers).content.decode()
    assert f'id="{panel}"' in body
    assert "<html" not in body


def test_the_pages_watch_the_topic_of_the_job(owner, open_job):
    for address in (reverse("job", args=[open_job.pk]), reverse("round", args=[open_job.pk, 1])):
        assert f'data-topic="job.{open_job.pk}"' in owner.get(address).content.decode()


def test_a_job_is_stopped_with_a_reason(owner, open_job):
    address = reverse("job-stop", args=[open_job.pk])
    owner.post(address, {"reason": "no"})
    open_job.refresh_from_db()
    assert open_job.state == "running"
    page = words(owner.post(address, {"reason": "The line is being serviced"}, follow=True))
    assert "It was stopped after 0 of 2 published rounds." in page
    assert "Reason: The line is being serviced" in page
    assert "This job is over." in words(owner.post(address, {"reason": "once more"}, follow=True))


def test_a_round_says_what_became_of_each_member_and_what_to_do(owner, done):
    page = words(owner.get(reverse("round", args=[done.pk, 2])))
    assert "4 of 8 members are in the new version." in page
    assert "NaN or infinity in the update Training diverged there: lower the learning rate" in page
    assert "vision.conv.weight holds a NaN" in page
    assert "There is no labelled sample on the device Check the folder" in page
    assert "It did not hand over its update in time" in page
    assert "It came after the round had closed" in page
    assert "1.71 → 0.62" in page
    assert re.search(r"motion 53 ?, vision 53 ?, text 53 ?, fusion 53", page)
    assert (
        reverse("model-version", args=[done.model_id, 3])
        in owner.get(reverse("round", args=[done.pk, 2])).content.decode()
    )


def test_every_verdict_has_its_words_on_the_page(owner, done):
    update = Update.objects.filter(phase__round__job=done, verdict="refused").first()
    for screen in Screen:
        Update.objects.filter(pk=update.pk).update(reason=screen.value)
        page = words(owner.get(reverse("round", args=[done.pk, update.phase.round.number])))
        assert str(SCREENS[screen].name) in page


def test_the_state_in_the_address_narrows_the_members(owner, done):
    address = reverse("round", args=[done.pk, 1])
    answer = owner.get(address, {"state": "refused"})
    assert [line.member.state for line in answer.context["lines"]] == ["refused"]
    Member.objects.filter(round__job=done, state="late").delete()
    assert "No member is in the state Late" in words(owner.get(address, {"state": "late"}))
    assert len(owner.get(address, {"state": "sparkling"}).context["lines"]) == 7


def test_a_member_says_how_far_it_is(owner, open_job, press):
    say(press[0], task_of(press[0]), WorkState.FETCHING)
    assert "fetches the base" in words(owner.get(reverse("round", args=[open_job.pk, 1])))


def test_a_failed_round_says_why_and_what_to_do(owner, open_job):
    rounds.fail(open_job.rounds.get(), Failure.QUORUM_MISSED, "1 updates came; the quorum is 2")
    page = words(owner.get(reverse("round", args=[open_job.pk, 1])))
    assert "It failed: Too few updates came in time." in page
    assert "Allow more time, lower the quorum" in page
    assert "1 updates came; the quorum is 2" in page


def test_the_way_of_a_failed_round_ends_where_it_failed(owner, open_job):
    rounds.fail(open_job.rounds.get(), Failure.QUORUM_MISSED)
    steps = owner.get(reverse("round", args=[open_job.pk, 1])).context["steps"]
    assert [(step.state, step.when) for step in steps] == [("planned", "done"), ("open", "done"), ("failed", "done")]


def test_a_round_that_is_not_there_is_not_found(owner, open_job):
    for number in (2, 1 << 40):
        assert owner.get(f"/rounds/{open_job.pk}/{number}/").status_code == 404


def test_a_trained_version_shows_its_metrics_and_asks_for_its_origin(owner, done):
    answer = owner.get(reverse("model-version", args=[done.model_id, 3]))
    page = words(answer)
    assert "All evidence 0.8600 0.8490" in page
    assert reverse("version-origin", args=[done.model_id, 3]) in answer.content.decode()


def test_contributions_are_sorted_by_their_samples(owner, done):
    answer = owner.get(reverse("version-origin", args=[done.model_id, 3]))
    shares = answer.context["origin"].shares
    totals = [share.total for share in shares]
    assert totals == sorted(totals, reverse=True)
    assert len(shares) == 4
    assert sum(share.percent for share in shares) == pytest.approx(100, abs=0.1)
    assert reverse("round", args=[done.pk, 2]) in answer.content.decode()


def test_a_version_that_nobody_trained_has_no_contribution(owner, care):
    answer = owner.get(reverse("version-origin", args=[care.model_id, 1]))
    assert "No contribution to it is kept" in words(answer)


def test_the_overview_shows_a_running_job_with_its_funnel(owner, open_job, press):
    say(press[0], task_of(press[0]), WorkState.TRAINING)
    look()
    page = words(owner.get(reverse("overview")))
    assert f"Training of {open_job}" in page
    assert re.search("Invited 8 ?, Training 1 ?, Received 0 ?, Accepted 0", page)
    jobs.stop(actor=TESTS, job=open_job)
    assert "No push and no training round is running." in words(owner.get(reverse("overview")))


def test_search_finds_jobs_and_their_beginning(owner, client, open_job, user):
    for text in ("elder", str(open_job.pk)[-6:]):
        assert reverse("job", args=[open_job.pk]) in owner.get(reverse("search"), {"q": text}).content.decode()
    assert reverse("job-new") in owner.get(reverse("search"), {"q": "train"}).content.decode()
    client.force_login(user)
    assert reverse("job", args=[open_job.pk]) not in client.get(reverse("search"), {"q": "elder"}).content.decode()
