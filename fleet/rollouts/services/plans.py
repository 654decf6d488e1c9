"""Makes plans. A plan never changes: the same content is the same row."""

from django.db import transaction
from django.db.models import QuerySet

from fleet.registry.models import Model
from fleet.rollouts.models import ShardingPlan
from fleet.rollouts.services.drafts import Draft, draft
from fleet.rollouts.services.refusals import refused
from fleet.trust.services import events
from fleet.trust.services.actors import Actor


def create(
    *,
    actor: Actor,
    models: QuerySet[Model],
    mapping: object,
    model: str | None = None,
    version: int | None = None,
) -> tuple[ShardingPlan, bool]:
    """Make the plan that a mapping component → tier means, and say whether it is new.

    Args:
        models: those for which the caller may make plans.
        mapping: as it came; components that it does not name keep their place.
        model: name or id; without it, the one published model that owns all keys.
        version: a published number; without it, the newest.

    Raises:
        DomainError: one of `refusals.py`.
    """
    wished = draft(models=models, mapping=mapping, model=model, version=version)
    if wished.refusals:
        raise refused(wished.refusals)
    return keep(wished, actor=actor)


@transaction.atomic
def keep(wished: Draft, *, actor: Actor) -> tuple[ShardingPlan, bool]:
    """Store a draft, and say whether its content is new."""
    plan, created = ShardingPlan.objects.get_or_create(
        model=wished.model,
        plan_sha256=wished.plan_sha256,
        defaults={"version": wished.version, "document": wished.document, "created_by": actor.person},
    )
    if created:
        events.record(
            "plan.created",
            actor=actor,
            target_kind="plan",
            target_id=plan.pk,
            target_label=str(plan),
            site=wished.model.site,
            after={
                "model": wished.model.name,
                "version": wished.version.number,
                "plan_sha256": plan.plan_sha256,
                "components": plan.components,
            },
        )
    return plan, created
