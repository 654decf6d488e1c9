"""Brings rollouts to what the fleet is and says. Anybody may run it at any time; a second run changes nothing.

Each part looks first and takes locks only where there is something to do; what another
process holds is passed over, the next second finds it.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from fleet.rollouts.core.progress import Standing, Wanted, standing
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models import Assignment, Rollout
from fleet.rollouts.selectors import stale, standings
from fleet.rollouts.selectors.standings import Facts
from fleet.rollouts.services import compile, release_epochs
from fleet.rollouts.services.compile import TierContent
from fleet.trust.models import Site
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from muster.wire.targets import Reason

log = structlog.get_logger(__name__)

ACTOR = Actor.system("rollouts")

Contents = Mapping[uuid.UUID, Mapping[str, TierContent]]


@dataclass
class Seen:
    """What one look at a rollout found.

    Attributes:
        states: how many assignments are in each state, moves counted.
        moved: how many assignments moved.
        heard_at: the newest change of a report of its nodes.
    """

    states: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    heard_at: datetime | None = None

    @property
    def done(self) -> bool:
        return self.states.total() > 0 and self.states.total() == self.states[AssignmentState.ACTIVE]


def run() -> dict[str, int]:
    """Do all there is to do; return how many targets were issued and how many assignments moved."""
    rollouts = compile.current()
    contents = _contents(rollouts)
    done = {"issued": _compile(rollouts, contents), "moved": _move()}
    if any(done.values()):
        log.info("rollouts.reconciled", **done)
    return done


def _contents(rollouts: list[Rollout]) -> dict[uuid.UUID, dict[str, TierContent]]:
    """Return tenant → tier → what its nodes shall run."""
    tenants: dict[uuid.UUID, list[Rollout]] = {}
    for rollout in rollouts:
        tenants.setdefault(rollout.model.site_id, []).append(rollout)
    return {tenant: compile.contents(found) for tenant, found in tenants.items()}


def _compile(rollouts: list[Rollout], contents: Contents) -> int:
    """Compile again for every tenant where a target or an assignment is not what it should be."""
    paths = {rollout.model.site_id: rollout.model.site.path for rollout in rollouts}
    wanted = {
        paths[tenant]: {tier: found.content.sha256 for tier, found in tiers.items()}
        for tenant, tiers in contents.items()
    }
    roots = {node.root for node in stale.targets(wanted, release_epochs.current(), everywhere=True)}
    behind = stale.unassigned(compile.parts(rollouts))
    tenants = {rollout.model.site_id for rollout in rollouts if rollout.pk in behind}
    if roots:
        tenants |= set(Site.objects.filter(path__in=roots).values_list("pk", flat=True))
    return sum(_compile_one(tenant) for tenant in sorted(tenants))


@transaction.atomic
def _compile_one(tenant: uuid.UUID) -> int:
    held = compile.tenant_lock(tenant, wait=False)
    return 0 if held is None else compile.bring(held)


@transaction.atomic
def _move() -> int:
    """Move assignments to what the reports prove, and rollouts to what their assignments are."""
    rows = Rollout.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    held = rows.exclude(state=RolloutState.SUPERSEDED).select_related("model__site", "plan").order_by("pk")
    rollouts = {rollout.pk: rollout for rollout in held}
    if not rollouts:
        return 0
    seen = {pk: Seen() for pk in rollouts}
    moves = _moves(rollouts, standings.facts(list(rollouts)), seen)
    for (before, after), ids in moves.items():
        _update(before, after, ids)
    for pk, rollout in rollouts.items():
        _settle(rollout, seen[pk])
    return sum(look.moved for look in seen.values())


Moves = dict[tuple[Standing, Standing], list[int]]


def _moves(rollouts: Mapping[uuid.UUID, Rollout], facts: list[Facts], seen: Mapping[uuid.UUID, Seen]) -> Moves:
    """Return (before, after) → assignments that move so, and note what was seen of each rollout."""
    moves: Moves = {}
    shards = {pk: _shards(rollout) for pk, rollout in rollouts.items()}
    for fact in facts:
        if fact.tier not in shards[fact.rollout]:
            continue  # the node has come to another tier: its assignment is about to go
        wanted = Wanted(fact.generation, shards[fact.rollout][fact.tier])
        after = standing(wanted, fact.said, fact.running, online=fact.online)
        look = seen[fact.rollout]
        look.states[after.state] += len(fact.ids)
        if fact.changed_at is not None and (look.heard_at is None or fact.changed_at > look.heard_at):
            look.heard_at = fact.changed_at
        if (fact.state, fact.reason) != (after.state, after.reason):
            look.moved += len(fact.ids)
            before = Standing(AssignmentState(fact.state), Reason(fact.reason))
            moves.setdefault((before, after), []).extend(fact.ids)
    return moves


def _shards(rollout: Rollout) -> dict[str, dict[int, str]]:
    """Return tier → key → weights_sha256 of what this one plan puts there."""
    return {tier: found.shards[rollout.model_id] for tier, found in compile.contents([rollout]).items()}


def _update(before: Standing, after: Standing, ids: list[int]) -> None:
    """Move assignments that are still where they were seen; `since` stays where only the reason is another."""
    values: dict[str, Any] = {"state": after.state, "reason": after.reason.value}
    if before.state != after.state:
        values["since"] = Now()
    Assignment.objects.filter(pk__in=ids, state=before.state).update(**values)


def _settle(rollout: Rollout, look: Seen) -> None:
    """Raise the revision of a rollout whose page would show something else; move it between running and done."""
    moves = (RolloutState.RUNNING, RolloutState.DONE) if look.done else (RolloutState.DONE, RolloutState.RUNNING)
    before, after = moves
    rows = Rollout.objects.filter(pk=rollout.pk)
    if rollout.state == before:
        finished = Now() if after == RolloutState.DONE else None
        rows.filter(state=before).update(state=after, finished_at=finished)
        _record(rollout, before, after)
    elif not look.moved and look.heard_at == rollout.heard_at:
        return
    rows.update(revision=F("revision") + 1, heard_at=look.heard_at)


def _record(rollout: Rollout, before: RolloutState, after: RolloutState) -> None:
    events.record(
        "rollout.done" if after is RolloutState.DONE else "rollout.reopened",
        actor=ACTOR,
        target_kind="rollout",
        target_id=rollout.pk,
        target_label=str(rollout.plan),
        site=rollout.model.site,
        before={"state": before},
        after={"state": after},
    )
