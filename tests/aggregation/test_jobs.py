"""Jobs: what starts one, what is refused and why, how it ends, and what becomes of its best version."""

import pytest
from django.db import transaction

from aggregation.core.lifecycle import JOB_MOVES, MEMBER_MOVES, OVER, ROUND_MOVES, JobState, RoundState
from aggregation.models import Round, TrainingJob, Update
from aggregation.services import compute, jobs, publishing
from aggregation.services.refusals import JobOver, JobRunning, NothingToTrain, WorkloadUnfit
from fleet.registry.models import Model, ModelVersion
from fleet.registry.services import models
from fleet.rollouts.models import Rollout
from fleet.rollouts.services import plans, pushes
from fleet.trust.models import Event
from fleet.trust.services.errors import InvalidInput
from tests.aggregation.conftest import CONFIG
from tests.aggregation.members import delta, drive, look, settle, submit, task_of
from tests.conftest import TESTS

pytestmark = pytest.mark.django_db


def answer(nodes):
    return lambda: [submit(node, task_of(node)) for node in nodes]


def collect(nodes) -> None:
    settle()
    answer(nodes)()
    settle()


@pytest.fixture
def pushed(model, version, nodes, make_node) -> Rollout:
    """The first version, placed on terminals and a cloud node."""
    make_node("cloud", tier="cloud", online=True)
    mapping = {"vision": "terminal", "head": "cloud"}
    plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping=mapping)
    return pushes.push(actor=TESTS, plan=plan)


def test_a_job_begins_on_the_newest_published_version_with_an_event(make_job, version, nodes):
    job = make_job(rounds=4)
    assert (job.base_version, job.rounds_planned, job.state) == (version, 4, "running")
    assert job.config["local"]["epochs"] >= 1
    event = Event.objects.get(verb="job.started")
    assert (event.target_id, event.after["rounds"]) == (job.pk, 4)


@pytest.mark.parametrize(
    ("config", "field", "why"),
    [
        ({"rounds": 0}, "rounds", "Give at least 1."),
        ({"local": {"epochs": 101}}, "epochs", "Give at most 100."),
        ({"tiers": []}, "tiers", "Choose at least one tier."),
        ({"tiers": ["moon"]}, "tiers", "“moon” is no tier; there are terminal, edge and cloud."),
        ({"deadline_s": "soon"}, "deadline_s", "Give a whole number."),
        ({"grace_s": 601}, "grace_s", "The grace ends with the deadline, so give at most 600."),
        ({"epocs": 1}, "epocs", "There is no such setting."),
        ({"push": 1}, "push", "Give true or false."),
    ],
)
def test_settings_are_refused_by_field_with_the_reason(model, version, config, field, why):
    with pytest.raises(InvalidInput) as refused:
        jobs.create(actor=TESTS, model=model, config=CONFIG | config)
    assert refused.value.fields[field] == [why]
    assert not TrainingJob.objects.exists()


def test_a_site_of_another_tenant_or_a_version_of_another_model_is_refused(model, version, make_site):
    with pytest.raises(InvalidInput) as refused:
        jobs.create(actor=TESTS, model=model, config=CONFIG, site=make_site("south"))
    assert "site" in refused.value.fields
    other = models.create(actor=TESTS, site=model.site, name="other", workload="digits")
    with pytest.raises(InvalidInput) as refused:
        jobs.create(actor=TESTS, model=other, config=CONFIG, base_version=version)
    assert "base_version" in refused.value.fields
    with pytest.raises(InvalidInput) as refused:
        jobs.create(actor=TESTS, model=model, config=CONFIG, strategy="magic")
    assert "fedavg" in refused.value.fields["strategy"][0]


def test_a_model_without_a_version_or_of_another_workload_version_is_refused(model, version):
    other = models.create(actor=TESTS, site=model.site, name="other", workload="digits")
    with pytest.raises(NothingToTrain):
        jobs.create(actor=TESTS, model=other, config=CONFIG)
    ModelVersion.objects.filter(pk=version.pk).update(workload_version=version.workload_version + 1)
    with pytest.raises(WorkloadUnfit):
        jobs.create(actor=TESTS, model=model, config=CONFIG)


def test_a_model_has_one_running_job(make_job):
    first = make_job()
    with pytest.raises(JobRunning) as refused:
        make_job()
    assert str(first.pk) in str(refused.value)
    jobs.stop(actor=TESTS, job=first)
    assert make_job().state == "running"


def test_rounds_build_on_each_other_and_the_best_version_is_kept(make_job, nodes, version):
    job = make_job(rounds=3)
    drive(job, answer(nodes), rounds=3)
    made = list(job.rounds.order_by("number"))
    assert [round.state for round in made] == ["published"] * 3
    assert [round.base_version for round in made] == [version, made[0].result_version, made[1].result_version]
    assert [round.result_version.parent for round in made] == [round.base_version for round in made]
    assert job.state == "done"
    accuracies = [round.metrics["all"]["accuracy"] for round in made]
    assert job.best_version == made[accuracies.index(max(accuracies))].result_version


def test_of_equally_good_versions_the_earliest_is_the_best(make_job, nodes):
    job = make_job(rounds=2)
    drive(job, answer(nodes), rounds=2)
    Round.objects.update(metrics={"all": {"accuracy": 500_000}})
    assert publishing.best(job) == job.rounds.get(number=1).result_version
    Round.objects.filter(number=1).update(metrics={"all": {"accuracy": None}})
    assert publishing.best(job) == job.rounds.get(number=2).result_version


def test_a_round_whose_mean_is_no_model_fails_and_leaves_the_last_good_version(make_job, nodes):
    job = make_job(rounds=2, max_norm_millionths=10**12)
    drive(job, answer(nodes))
    huge = {name: tensor * 0 + 3e38 for name, tensor in delta(nodes[0], task_of(nodes[0]), {"head": 1}).items()}
    Round.objects.filter(number=2).update(state=RoundState.OPEN)
    for node in nodes:
        submit(node, task_of(node), huge, samples={"head": 1})
    look()
    Update.objects.filter(phase__round__number=2).update(verdict="accepted")  # as if no bound were set
    compute.run_all()
    assert job.rounds.get(number=2).failure.startswith("not_publishable")
    look()
    job.refresh_from_db()
    assert (job.state, job.best_version) == ("done", job.rounds.get(number=1).result_version)


def test_three_failed_rounds_in_a_row_end_the_job(make_job, nodes):
    job = make_job(rounds=10)
    for number in range(jobs.MOST_FAILED_IN_A_ROW):
        settle()
        assert job.rounds.count() == number + 1
        Round.objects.filter(job=job, number=number + 1).update(state=RoundState.FAILED, failure="quorum_missed: x")
    settle()
    job.refresh_from_db()
    assert (job.state, job.failure) == ("failed", "rounds_failed: 3 in a row; the last: quorum_missed: x")
    assert Event.objects.filter(verb="job.failed").count() == 1


def test_a_failed_round_between_good_ones_does_not_end_the_job(make_job, nodes):
    job = make_job(rounds=3)
    drive(job, answer(nodes))
    Round.objects.filter(job=job, number=2).update(state=RoundState.FAILED)
    settle()
    drive(job, answer(nodes))
    assert (job.state, job.rounds.filter(state="published").count()) == ("done", 2)


def test_stopping_ends_a_round_that_collects(make_job, nodes):
    job = make_job(rounds=3)
    settle()
    jobs.stop(actor=TESTS, job=job, reason="enough")
    round = job.rounds.get()
    assert (round.state, round.failure) == ("failed", "stopped")
    settle()
    assert all(task == [] for task in [list(node.work.tasks) for node in nodes])
    job.refresh_from_db()
    assert (job.state, job.rounds.count()) == ("stopped", 1)
    assert Event.objects.get(verb="job.stopped").reason == "enough"
    with pytest.raises(JobOver):
        jobs.stop(actor=TESTS, job=job)


def test_stopping_lets_a_computation_come_to_its_end(make_job, nodes):
    job = make_job(rounds=3)
    collect(nodes)
    jobs.stop(actor=TESTS, job=job)
    assert compute.run_all() == 1
    settle()
    job.refresh_from_db()
    assert (job.state, job.rounds.get().state) == ("stopped", "published")
    assert job.best_version == job.rounds.get().result_version


@pytest.fixture
def improving(monkeypatch) -> None:
    """Training helps: what was measured of the base is less than of any result."""
    whole = publishing._measure_base

    def measure(job: TrainingJob, workload: object) -> None:
        whole(job, workload)
        TrainingJob.objects.filter(pk=job.pk).update(base_metrics={"all": {"accuracy": 0}})

    monkeypatch.setattr(publishing, "_measure_base", measure)


def test_what_answers_no_better_than_the_base_is_not_pushed(make_job, nodes, pushed):
    job = make_job(push=True, tiers=["terminal"])
    collect(nodes)
    compute.run_all()
    began = job.rounds.get().metrics  # as good, and no better
    TrainingJob.objects.filter(pk=job.pk).update(base_metrics=began)
    settle()
    job.refresh_from_db()
    assert job.push_failure == "no_better"
    assert Rollout.objects.get() == pushed


def test_the_best_version_goes_out_with_the_placement_of_the_active_plan(make_job, nodes, pushed, improving):
    job = make_job(push=True, tiers=["terminal"])
    drive(job, answer(nodes))
    assert job.rollout.plan.version == job.best_version
    assert job.rollout.previous == pushed
    places = {name: place["tier"] for name, place in job.rollout.plan.components.items()}
    assert places == {"vision": "terminal", "head": "cloud"}
    assert str(job) in job.rollout.reason
    before = Event.objects.count()
    settle()
    assert (Rollout.objects.count(), Event.objects.count()) == (2, before)


def test_without_an_active_plan_nothing_is_pushed_and_the_job_says_so(make_job, nodes, improving):
    job = make_job(push=True)
    drive(job, answer(nodes))
    assert (job.rollout, job.push_failure) == (None, "no_plan")
    assert not Rollout.objects.exists()


def test_a_push_that_is_refused_is_kept_with_its_reason(make_job, nodes, pushed, improving):
    job = make_job(push=True, tiers=["terminal"])
    type(nodes[0]).objects.filter(tier="cloud").update(state="retired")
    drive(job, answer(nodes))
    assert job.rollout is None
    assert "no active node" in job.push_failure
    assert job.state == "done"


def test_a_push_that_a_crash_left_undone_is_made_good(make_job, nodes, pushed, improving):
    job = make_job(push=True, tiers=["terminal"])
    collect(nodes)
    compute.run_all()
    with pytest.raises(RuntimeError):
        _crash_in_push(job)
    assert Rollout.objects.count() == 1
    settle()
    job.refresh_from_db()
    assert job.rollout.plan.version == job.best_version


def _crash_in_push(job: TrainingJob) -> None:
    """End the transaction between the push and the note of it, as a crash would."""
    with transaction.atomic():
        held = jobs.hold(job.pk)
        jobs.go_on(held)
        held.refresh_from_db()
        assert publishing.push(held)
        raise RuntimeError("crash")


def test_every_end_is_an_end():
    assert {state for state, moves in JOB_MOVES.items() if not moves} == set(JobState) - {JobState.RUNNING}
    assert {state for state, moves in ROUND_MOVES.items() if not moves} == OVER
    assert set(ROUND_MOVES) == set(RoundState)
    for moves in (JOB_MOVES, ROUND_MOVES, MEMBER_MOVES):
        assert all(target in moves for targets in moves.values() for target in targets)
