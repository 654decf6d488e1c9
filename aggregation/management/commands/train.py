import time
import uuid
from typing import Any

from django.core.management.base import CommandError, CommandParser

from aggregation.core.config import DEFAULT, MILLION
from aggregation.core.lifecycle import OVER, JobState, RoundState
from aggregation.models import Round, TrainingJob
from aggregation.selectors import jobs as selectors
from aggregation.services import jobs, reconcile
from fleet.registry.models import Model, ModelVersion
from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, site_at
from muster.workloads.declaration import TIERS

NOT_DONE = 3  # exit code: started, and not done within the time
FAILED = 4  # exit code: the job failed or was stopped
LOOK_EVERY_S = 0.5


class Command(MusterCommand):
    help = (
        "Train a model on the nodes' own data, round by round, and print each round as it ends. Exit codes: "
        f"0 started (with --wait: done), {NOT_DONE} not done within --wait, {FAILED} failed or stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        local = DEFAULT.local
        parser.add_argument("model", help="name or id")
        parser.add_argument("--site", metavar="PATH", help="members are the nodes there and below; the tenant without")
        parser.add_argument(
            "--version", type=int, metavar="N", help="published version to begin with; the newest without"
        )
        parser.add_argument("--rounds", type=int, help=f"({DEFAULT.rounds})")
        parser.add_argument("--epochs", type=int, help=f"of each member in each round ({local.epochs})")
        parser.add_argument("--batch-size", type=int, help=f"({local.batch_size})")
        parser.add_argument("--rate", type=float, help=f"of learning ({local.learning_rate_millionths / MILLION})")
        parser.add_argument("--momentum", type=float, help=f"({local.momentum_millionths / MILLION})")
        parser.add_argument("--seed", type=int, help=f"of shuffling and of everything random ({local.seed})")
        parser.add_argument("--quorum", type=int, help=f"accepted updates that a round needs ({DEFAULT.quorum})")
        parser.add_argument("--deadline", type=int, metavar="SECONDS", help=f"of a round ({DEFAULT.deadline_s})")
        parser.add_argument("--grace", type=int, metavar="SECONDS", help=f"after the quorum ({DEFAULT.grace_s})")
        parser.add_argument("--tier", action="append", choices=TIERS, help="whose nodes take part; all without")
        parser.add_argument("--max-norm", type=float, help="of an update; above it, it is refused")
        parser.add_argument("--dirichlet", type=float, metavar="ALPHA", help="split the included data among the nodes")
        parser.add_argument("--no-push", action="store_true", help="do not push the best version at the end")
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until the job is over")
        parser.add_argument("--json", action="store_true")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let `--version` be the model's, not Django's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        model = _model(options["model"])
        job = jobs.create(
            actor=OPERATOR_AT_THE_SERVER,
            model=model,
            config=_config(options),
            site=site_at(options["site"]) if options["site"] else None,
            base_version=_version(model, options["version"]),
        )
        if options["wait"]:
            job = self._wait(job, options)
        self.tell(options, _facts(job))
        if options["wait"] and job.state == JobState.RUNNING:
            raise CommandError("The job is not done within the time; it goes on.", returncode=NOT_DONE)
        if job.state in (JobState.FAILED, JobState.STOPPED):
            raise CommandError(job.failure or "The job was stopped.", returncode=FAILED)

    def _wait(self, job: TrainingJob, options: dict[str, Any]) -> TrainingJob:
        """Print each round as it ends, until the job is over and pushed, or the time is up."""
        deadline = time.monotonic() + options["wait"]
        told: set[uuid.UUID] = set()
        while time.monotonic() < deadline:
            reconcile.run()  # pulse does the same each second; this way it also works without one
            for round in selectors.rounds(job).filter(state__in=OVER).exclude(pk__in=told):
                told.add(round.pk)
                if not options["json"]:
                    self.stdout.write(_line(round))
            job = TrainingJob.objects.select_related("model", "best_version").get(pk=job.pk)
            if job.state != JobState.RUNNING:
                break
            time.sleep(LOOK_EVERY_S)
        return job


def _model(named: str) -> Model:
    found = [model for model in Model.objects.select_related("site") if named in (model.name, str(model.pk))]
    if len(found) != 1:
        known = ", ".join(sorted(Model.objects.values_list("name", flat=True)[:20])) or "none"
        what = "Several models have this name; give the id." if found else f"There is no model {named!r}."
        raise CommandError(f"{what} There are: {known}.")
    return found[0]


def _version(model: Model, number: int | None) -> ModelVersion | None:
    if number is None:
        return None
    version = model.versions.filter(number=number).first()
    if version is None:
        raise CommandError(f"The model {model} has no version {number}.")
    return version


def _config(options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given; the service knows what the others are."""
    local = {
        "epochs": options["epochs"],
        "batch_size": options["batch_size"],
        "learning_rate_millionths": _millionths(options["rate"]),
        "momentum_millionths": _millionths(options["momentum"]),
        "seed": options["seed"],
    }
    config = {
        "rounds": options["rounds"],
        "quorum": options["quorum"],
        "deadline_s": options["deadline"],
        "grace_s": options["grace"],
        "tiers": options["tier"],
        "max_norm_millionths": _millionths(options["max_norm"]),
        "partition_alpha_millionths": _millionths(options["dirichlet"]),
        "push": False if options["no_push"] else None,
    }
    return _given(config) | {"local": _given(local)}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _millionths(value: float | None) -> int | None:
    return None if value is None else round(value * MILLION)


def _line(round: Round) -> str:
    """Return one line: what a round has brought."""
    if round.state == RoundState.FAILED:
        return f"round {round.number}: failed, {round.failure}"
    measured = ", ".join(
        f"{kind} {values['accuracy'] / MILLION:.4f}"
        for kind, values in sorted(round.metrics.items(), key=lambda item: (item[0] != "all", item[0]))
        if values.get("accuracy") is not None
    )
    accepted = round.contributions.count()
    version = round.result_version.number if round.result_version else None
    return f"round {round.number}: version {version}, {accepted} updates, accuracy {measured}"


def _facts(job: TrainingJob) -> dict[str, Any]:
    facts: dict[str, Any] = {"job": job.pk, "model": job.model.name, "state": job.state}
    facts["rounds"] = f"{job.rounds.filter(state=RoundState.PUBLISHED).count()} of {job.rounds_planned} published"
    facts["best_version"] = job.best_version.number if job.best_version else None
    if job.rollout_id or job.push_failure:
        facts["pushed"] = str(job.rollout_id) if job.rollout_id else f"no: {job.push_failure}"
    return facts
