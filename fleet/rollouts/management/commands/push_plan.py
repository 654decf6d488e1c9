import json
import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fleet.registry.models import Model
from fleet.rollouts.core.diff import Change, Placed
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.selectors import rollouts as selectors
from fleet.rollouts.services import drafts, plans, pushes, reconcile
from fleet.rollouts.services.drafts import Draft
from fleet.rollouts.services.refusals import sentence
from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand
from fleet.trust.services.errors import DomainError

REFUSED = 2  # exit code: the plan cannot be made or pushed
NOT_DONE = 3  # exit code: pushed, and not proved by every node within the time
LOOK_EVERY_S = 0.5


class Command(MusterCommand):
    help = (
        'Make a plan from a mapping like \'{"vision": "terminal", "fusion": "cloud"}\' and push it. Exit codes: '
        f"0 pushed, {REFUSED} refused, {NOT_DONE} pushed but not proved by every node within --wait."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "mapping", help="JSON object component → tier; components it does not name keep their place"
        )
        parser.add_argument("--model", help="name or id, where the mapping alone does not say")
        parser.add_argument("--version", type=int, metavar="N", help="of a published version; the newest without")
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would change and what stands against it"
        )
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until every node has proved it")
        parser.add_argument("--json", action="store_true")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let `--version` be the model's, not Django's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wished = self._draft(options)
            if options["dry_run"]:
                self.tell(options, {"plan_sha256": wished.plan_sha256, "pushed": False})
                return
            plan, _created = plans.keep(wished, actor=OPERATOR_AT_THE_SERVER)
            rollout = pushes.push(actor=OPERATOR_AT_THE_SERVER, plan=plan, reason=options["reason"])
        except DomainError as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        self._tell_end(options, plan, self._wait(rollout, options["wait"]))

    def _draft(self, options: dict[str, Any]) -> Draft:
        """Return the plan that is wished for, once its changes are printed and nothing stands against it."""
        mapping = _mapping(options["mapping"])
        wished = drafts.draft(
            models=Model.objects.all(), mapping=mapping, model=options["model"], version=options["version"]
        )
        if not options["json"]:
            self.stdout.writelines(f"{_line(change)}\n" for change in wished.changes)
        if wished.refusals:
            raise CommandError("\n".join(sentence(refusal) for refusal in wished.refusals), returncode=REFUSED)
        return wished

    def _tell_end(self, options: dict[str, Any], plan: ShardingPlan, rollout: Rollout) -> None:
        counts = selectors.counts([rollout.pk])[rollout.pk]
        self.tell(
            options,
            {
                "rollout": rollout.pk,
                "plan": plan.pk,
                "plan_sha256": plan.plan_sha256,
                "state": rollout.state,
                "active": f"{counts.get(AssignmentState.ACTIVE, 0)} of {sum(counts.values())}",
            },
        )
        if options["wait"] and rollout.state != RolloutState.DONE:
            raise CommandError("Not every node has proved it in time.", returncode=NOT_DONE)

    def _wait(self, rollout: Rollout, seconds: float) -> Rollout:
        """Look until every node has proved the plan, a later push took over, or the time is up."""
        deadline = time.monotonic() + seconds
        while rollout.state == RolloutState.RUNNING and time.monotonic() < deadline:
            time.sleep(min(LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))
            reconcile.run()  # pulse does the same each second; this way it also works without one
            rollout = Rollout.objects.get(pk=rollout.pk)
        return rollout


def _mapping(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"The mapping is no JSON: {error}") from error


def _line(change: Change) -> str:
    """Return one line: what becomes of a component."""
    if change.after is None:
        return f"{change.component}: {_place(change.before)} → nowhere"
    if not change.differs:
        return f"{change.component}: {_place(change.after)}, unchanged"
    before = _place(change.before) if change.before else "nowhere"
    who = "1 node fetches" if change.nodes == 1 else f"{change.nodes} nodes fetch"
    fetched = f"{who} {change.fetch_bytes} bytes{'' if change.nodes == 1 else ' each'}"
    return f"{change.component}: {before} → {_place(change.after)}, {fetched}"


def _place(placed: Placed | None) -> str:
    return f"{placed.tier} ({placed.variant}, version {placed.version})" if placed else "nowhere"
