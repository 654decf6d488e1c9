"""REST, commands and live topics of training."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from aggregation.models import Round, TrainingJob
from aggregation.selectors import jobs as selectors
from aggregation.services import compute
from aggregation.services.beat import Progress
from fleet.telemetry.core.topics import Kind, Topic
from fleet.telemetry.selectors import watching
from fleet.telemetry.services import pulse
from tests.aggregation.members import drive, look, settle, submit, task_of

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def head(make_user, root):
    """Operator of the tenant."""
    return make_user("head", (root, "operator"))


def post(client, path, body):
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type=JSON)


def test_an_operator_starts_follows_and_stops_a_job(client, head, model, version, nodes):
    client.force_login(head)
    answer = post(client, "jobs", {"model": "numbers", "config": {"rounds": 2, "local": {"epochs": 3}}})
    assert answer.status_code == 201, answer.content
    job = answer.json()
    assert (job["config"]["local"]["epochs"], job["round_state"], job["created_by"]) == (3, "planned", "head")
    settle()
    submit(nodes[0], task_of(nodes[0]))
    settle()
    (round,) = client.get(f"/api/v1/jobs/{job['id']}/rounds").json()["results"]
    assert round["counts"] == {"invited": 2, "received": 1}
    detail = client.get(f"/api/v1/rounds/{round['id']}").json()
    assert detail["phases"][0]["quorum"] == 2
    members = client.get(f"/api/v1/rounds/{round['id']}/members").json()["results"]
    assert [member["name"] for member in members] == ["press-0", "press-1", "press-2"]
    (came,) = [member for member in members if member["state"] == "received"]
    assert (came["loss_before"], came["samples"], came["verdict"]) == (2.3, {"vision": 40, "head": 40}, "pending")
    stopped = post(client, f"jobs/{job['id']}/stop", {"reason": "why"})
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    assert post(client, f"jobs/{job['id']}/stop", {}).json()["code"] == "job_over"


def test_a_refusal_names_the_field_and_a_second_job_is_a_conflict(client, head, model, version):
    client.force_login(head)
    answer = post(client, "jobs", {"model": "numbers", "config": {"quorum": 0, "grace_s": 5}})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["config.quorum"])
    assert post(client, "jobs", {"model": "nothing"}).json()["fields"].keys() == {"model"}
    assert post(client, "jobs", {"model": "numbers", "base_version": 9}).json()["fields"].keys() == {"base_version"}
    assert post(client, "jobs", {"model": str(model.pk)}).status_code == 201
    assert post(client, "jobs", {"model": "numbers"}).json()["code"] == "job_running"


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 403), ("root_viewer", 403)])
def test_who_may_not_release_starts_no_job(client, viewer, user, make_user, root, model, version, who, status):
    person = {"viewer": viewer, "stranger": user, "root_viewer": make_user("root_viewer", (root, "viewer"))}[who]
    client.force_login(person)
    assert post(client, "jobs", {"model": "numbers"}).status_code == status
    assert not TrainingJob.objects.exists()


def test_the_operator_of_a_plant_sees_no_job_of_the_tenant(client, operator, make_job):
    job = make_job()
    client.force_login(operator)
    assert client.get("/api/v1/jobs").json()["count"] == 0
    assert client.get(f"/api/v1/jobs/{job.pk}").status_code == 404
    assert post(client, f"jobs/{job.pk}/stop", {}).status_code == 404
    assert post(client, "jobs", {"model": "numbers"}).json()["fields"].keys() == {"model"}


def test_lists_take_a_constant_number_of_queries(make_job, nodes, head, django_assert_num_queries):
    job = make_job(rounds=2)
    drive(job, lambda: [submit(node, task_of(node)) for node in nodes], rounds=2)
    best = job.best_version.number
    with django_assert_num_queries(2):  # the grants, and the jobs
        (found,) = selectors.listing(head)
        assert (found.rounds_made, found.rounds_published, found.best_version.number) == (2, 2, best)
    with django_assert_num_queries(1):
        rounds = list(selectors.rounds(job))
        curves = {(curve.kind, curve.metric): curve for curve in selectors.curves(rounds)}
    accuracy = curves["all", "accuracy"]
    assert accuracy.numbers == [1, 2]
    assert accuracy.values == [round.metrics["all"]["accuracy"] / 1_000_000 for round in rounds]
    phases = rounds[0].phases
    with django_assert_num_queries(1):
        members = list(selectors.members(rounds[0]))
        assert [(member.verdict, member.node.site.path) for member in members] == [("accepted", "north/plant-a/")] * 3
    assert phases.get().state == "closed"
    with django_assert_num_queries(1):
        funnel = selectors.funnel(selectors.counts([rounds[0].pk])[rounds[0].pk])
    assert (funnel.invited, funnel.training, funnel.received, funnel.accepted) == (3, 3, 3, 3)


def test_watchers_of_a_job_hear_of_every_move_and_nothing_else(make_job, nodes, head, user, monkeypatch):
    woken: list[object] = []
    monkeypatch.setattr("aggregation.services.beat.wake", woken.append)
    job = make_job()
    part = Progress()
    (told,) = part(1)
    assert (told["topic"], told["seq"]) == (f"job.{job.pk}", 1)
    assert told["data"]["counts"] == {"invited": 3}
    assert part(2) == []
    for node in nodes:
        submit(node, task_of(node))
    (told,) = part(3)
    assert (told["seq"], told["data"]["round_state"], told["data"]["counts"]) == (2, "aggregating", {"received": 3})
    assert part(4) == []
    assert woken == [job.rounds.get().pk]  # once, not each second
    compute.run_all()
    (told,) = part(5)
    assert (told["data"]["state"], told["data"]["round"]) == ("done", 1)
    topic = Topic(Kind.JOB, job.pk)
    assert watching.allowed(head, [topic]) == {topic}
    assert watching.allowed(user, [topic]) == set()


def test_pulse_drives_learning():
    assert pulse.parts["learning"] is Progress


def test_the_command_starts_a_job_and_says_what_is_wrong(model, version, nodes):
    out = io.StringIO()
    call_command("train", "numbers", rounds=2, dirichlet=0.3, rate=0.05, no_push=True, json=True, stdout=out)
    job = TrainingJob.objects.get()
    assert json.loads(out.getvalue())["job"] == str(job.pk)
    assert job.config["partition_alpha_millionths"] == 300_000
    assert (job.config["local"]["learning_rate_millionths"], job.config["push"]) == (50_000, False)
    with pytest.raises(CommandError, match="running job"):
        call_command("train", "numbers", json=True, stdout=out)
    with pytest.raises(CommandError, match="no model"):
        call_command("train", "nothing", json=True, stdout=out)


def test_the_command_waits_and_prints_each_round_as_it_ends(model, version, nodes, monkeypatch):
    def answer(_seconds: float) -> None:
        """Let the members answer while the command sleeps."""
        round = Round.objects.get(number=Round.objects.count())
        if round.state == "open":
            for node in nodes:
                submit(node, task_of(node))
            look()
            compute.run_all()

    monkeypatch.setattr("aggregation.management.commands.train.time.sleep", answer)
    out = io.StringIO()
    call_command("train", "numbers", rounds=2, no_push=True, wait=60.0, stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("round 1: version 2, 3 updates, accuracy all 0.")
    assert lines[1].startswith("round 2: version 3, 3 updates, accuracy all 0.")
    assert "state: done" in lines
