"""Training for the browser: a job that is done, one whose round collects, one that was stopped and one that failed."""

from collections.abc import Sequence

from aggregation.core.failures import Failure
from aggregation.models import TrainingJob
from aggregation.services import jobs, rounds
from fleet.registry.models import ModelVersion, Node
from fleet.trust.models import Site, User
from fleet.trust.services.actors import Actor
from muster.wire.work import WorkReason, WorkState
from tests.aggregation.history import finished_job
from tests.aggregation.members import look, say, submit, task_of
from tests.published import make_version

LATER_S = 86_400  # no round closes before a test's eyes
CURVE = (
    {"all": 0.612, "motion": 0.431, "vision": 0.482, "text": 0.344},
    {"all": 0.741, "motion": 0.552, "vision": 0.561, "text": 0.391},
    {"all": 0.823, "motion": 0.634, "vision": 0.602, "text": 0.423},
    {"all": 0.861, "motion": 0.681, "vision": 0.629, "text": 0.447},
    {"all": 0.858, "motion": 0.679, "vision": 0.631, "text": 0.442},
)
UNTRAINED = {"all": 0.171, "motion": 0.166, "vision": 0.159, "text": 0.172}


def make(root: Site, nodes: Sequence[Node]) -> dict[str, str]:
    """Make the jobs, and return what tests need to know of them."""
    person = User.objects.get(username="operator")
    home = make_version(root, model="home-care")
    done = finished_job(
        home, nodes[:30], CURVE, before=UNTRAINED, created_by=person, partition_alpha_millionths=300_000
    )
    lab = make_version(root, workload="digits", model="lab")
    stopped = start(lab, person, nodes[0].site)
    jobs.stop(actor=Actor.user(person, None), job=stopped, reason="The line is being serviced")
    failed = start(lab, person, nodes[0].site)
    look()
    rounds.fail(failed.rounds.get(), Failure.QUORUM_MISSED, "1 updates came; the quorum is 2")
    jobs.stop(actor=Actor.user(person, None), job=failed, reason="The nodes are offline")
    running = start(make_version(root, workload="digits", model="presses"), person, nodes[0].site)
    look()
    answered = answer(running)
    return {
        "job": str(done.pk),
        "job_running": str(running.pk),
        "job_stopped": str(stopped.pk),
        "job_failed": str(failed.pk),
        "job_model": str(home.model_id),
        "lab": str(lab.model_id),
        "silent_member": answered,
    }


def start(base: ModelVersion, person: User, site: Site) -> TrainingJob:
    """Start a job whose members are the nodes of one place."""
    config = {"rounds": 3, "deadline_s": LATER_S, "grace_s": LATER_S, "push": False}
    return jobs.create(actor=Actor.user(person, None), model=base.model, config=config, site=site)


def answer(job: TrainingJob) -> str:
    """Let some members hand over and some train, one say that it cannot; return one that has said nothing yet."""
    members = [member.node for member in job.rounds.get().members.select_related("node").order_by("node__name")]
    for node in members[:6]:
        submit(node, task_of(node), data=node.name.encode())
    for node in members[6:10]:
        say(node, task_of(node), WorkState.TRAINING)
    say(members[10], task_of(members[10]), WorkState.FAILED, WorkReason.MEMORY_SHORT, "412 MiB are needed")
    look()
    return str(members[-1].uid)
