"""Pushes a plan: from its commit on, every node of the tenant shall run it."""

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from fleet.registry.models import Model
from fleet.rollouts.core.rollout_states import ASSIGNMENT_MOVES, ROLLOUT_MOVES, AssignmentState, RolloutState
from fleet.rollouts.models import Rollout, ShardingPlan
from fleet.rollouts.selectors import placements
from fleet.rollouts.services import compile
from fleet.rollouts.services.drafts import check_plan
from fleet.rollouts.services.refusals import refused
from fleet.trust.services import events
from fleet.trust.services.actors import Actor

REASON_LENGTH = Rollout._meta.get_field("reason").max_length

SUPERSEDABLE = [state for state, targets in ROLLOUT_MOVES.items() if RolloutState.SUPERSEDED in targets]
OPEN = [state for state, targets in ASSIGNMENT_MOVES.items() if AssignmentState.SUPERSEDED in targets]


@transaction.atomic
def push(*, actor: Actor, plan: ShardingPlan, reason: str = "") -> Rollout:
    """Make a plan the current one of its model, and return its rollout; one that is current already stays.

    In one transaction: the tenant and the model are held, so that pushes wait for each other; the checks
    run again; the rollout before and its assignments are superseded; targets are compiled, signed and
    stored. The gateways are woken after the commit.

    Raises:
        PlanRefused: the fleet is no longer as the plan needs it.
        WorkloadUnfit: the model's workload is not here in its version.
    """
    tenant = compile.tenant_lock(plan.model.site_id)
    model = Model.objects.select_for_update(no_key=True).get(pk=plan.model_id)
    before = placements.current(model)
    if before is not None and before.plan_id == plan.pk:
        return before
    refusals = check_plan(plan)
    if refusals:
        raise refused(refusals)
    if before is not None:
        _supersede(before, actor)
    rollout = Rollout.objects.create(
        model=model, plan=plan, previous=before, reason=reason[:REASON_LENGTH], created_by=actor.person
    )
    _record("rollout.started", actor, rollout, before=before, reason=reason)
    assert tenant is not None  # waited for, and sites of models are never deleted
    compile.bring(tenant)
    rollout.refresh_from_db()
    return rollout


def _supersede(rollout: Rollout, actor: Actor) -> None:
    """End a rollout and every open assignment of it."""
    Rollout.objects.filter(pk=rollout.pk, state__in=SUPERSEDABLE).update(
        state=RolloutState.SUPERSEDED, finished_at=Coalesce("finished_at", Now()), revision=F("revision") + 1
    )
    rollout.assignments.filter(state__in=OPEN).update(state=AssignmentState.SUPERSEDED, since=Now())
    events.record(
        "rollout.superseded",
        actor=actor,
        target_kind="rollout",
        target_id=rollout.pk,
        target_label=str(rollout.plan),
        site=rollout.model.site,
        before={"state": rollout.state},
        after={"state": RolloutState.SUPERSEDED},
    )


def _record(verb: str, actor: Actor, rollout: Rollout, *, before: Rollout | None, reason: str) -> None:
    events.record(
        verb,
        actor=actor,
        target_kind="rollout",
        target_id=rollout.pk,
        target_label=str(rollout.plan),
        site=rollout.model.site,
        before={"plan_sha256": before.plan.plan_sha256} if before else {},
        after={"plan_sha256": rollout.plan.plan_sha256, "version": rollout.plan.version.number},
        reason=reason,
    )
