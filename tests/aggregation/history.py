"""Rounds that are over, as rows: what learning leaves behind, without computing anything."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from aggregation.core import config as configs
from aggregation.core.lifecycle import JobState, MemberState, PhaseState, RoundState, Screen, Verdict
from aggregation.models import Contribution, Member, Phase, Round, TrainingJob, Update
from fleet.registry.core.version_states import Origin
from fleet.registry.models import ModelVersion, Node
from fleet.trust.models import User
from muster.wire.work import WorkReason
from tests.published import make_version

MILLION = 1_000_000
MIB = 1 << 20
TOOK = timedelta(seconds=48)


def millionths(values: Mapping[str, float]) -> dict[str, dict[str, int]]:
    """Return accuracies as rounds keep them, with an F1 a little lower."""
    return {
        kind: {"accuracy": round(value * MILLION), "macro_f1": round(value * MILLION) - 11_000}
        for kind, value in values.items()
    }


def finished_job(
    base: ModelVersion,
    nodes: Sequence[Node],
    curve: Sequence[Mapping[str, float]],
    *,
    before: Mapping[str, float] | None = None,
    created_by: User | None = None,
    **config: Any,
) -> TrainingJob:
    """Make a job that is done, with a published round for each point of the curve, oldest first.

    Args:
        before: how well the base answered.
        config: settings that are not the product's own.
    """
    document = configs.to_document(configs.DEFAULT) | {"rounds": len(curve), "push": False} | config
    job = TrainingJob.objects.create(
        model=base.model,
        site=base.model.site,
        base_version=base,
        base_metrics=millionths(before) if before else {},
        rounds_planned=len(curve),
        config=document,
        created_by=created_by,
    )
    made, best = base, (-1.0, base)
    began = timezone.now() - TOOK * (len(curve) + 1)
    for number, values in enumerate(curve, start=1):
        made = published_round(job, number, made, nodes, values, began + TOOK * number)
        best = max(best, (values["all"], made), key=lambda found: found[0])
    job.state, job.best_version, job.finished_at = JobState.DONE, best[1], timezone.now()
    job.save()
    return job


def published_round(
    job: TrainingJob, number: int, base: ModelVersion, nodes: Sequence[Node], values: Mapping[str, float], at: Any
) -> ModelVersion:
    """Make one round that is published, most members accepted and some of every other fate; return its result."""
    workload, metrics = job.model.workload, millionths(values)
    version = make_version(job.model.site, workload=workload, model=job.model.name, seed=100 + number, parent=base)
    version.origin, version.metrics, version.note = Origin.TRAINED, metrics, f"Round {number} of job {str(job.pk)[-6:]}"
    version.save()
    round = Round.objects.create(
        job=job,
        number=number,
        state=RoundState.PUBLISHED,
        base_version=base,
        result_version=version,
        metrics=metrics,
        opened_at=at,
        closed_at=at + TOOK / 2,
        finished_at=at + TOOK,
        parts=len(nodes),
    )
    Round.objects.filter(pk=round.pk).update(created_at=at)
    phase = Phase.objects.create(
        round=round, ordinal=0, name="train", state=PhaseState.CLOSED, quorum=2, deadline_at=at + TOOK * 10
    )
    parts = [component.name for component in version.components.all()]
    for index, node in enumerate(nodes):
        _member(round, phase, node, index, parts)
    return version


def _member(round: Round, phase: Phase, node: Node, index: int, parts: Sequence[str]) -> None:
    """Make a member; the third, fifth, sixth and seventh of eight do not make it."""
    fates = {
        2: (MemberState.REFUSED, Screen.NOT_FINITE, "vision.conv.weight holds a NaN"),
        4: (MemberState.DROPPED, WorkReason.NO_DATA, "the folder is empty"),
        5: (MemberState.DROPPED, WorkReason.NONE, "did not come in time"),
        6: (MemberState.LATE, WorkReason.NONE, ""),
    }
    state, reason, detail = fates.get(index % 8, (MemberState.ACCEPTED, Screen.NONE, ""))
    is_dropped = state == MemberState.DROPPED
    Member.objects.create(
        round=round,
        node=node,
        index=index,
        state=state,
        reason=reason.value if is_dropped else "",
        detail=detail if is_dropped else "",
    )
    if state not in (MemberState.ACCEPTED, MemberState.REFUSED):
        return
    samples = {part: 40 + 13 * (index % 9) for part in parts if index % 3 or part != parts[0]}
    update = Update.objects.create(
        phase=phase,
        node=node,
        attempt=1,
        kind="plain",
        sha256=f"{index:064x}",
        size_bytes=MIB + 4_096 * index,
        samples=samples,
        loss_before=1.71,
        loss_after=None if state == MemberState.REFUSED else 0.62,
        trained_ms=3_400 + 170 * index,
        norm=None if state == MemberState.REFUSED else 2.4 + index / 10,
        verdict=Verdict.ACCEPTED if state == MemberState.ACCEPTED else Verdict.REFUSED,
        reason=reason.value,
        detail=detail,
    )
    if state == MemberState.ACCEPTED:
        Contribution.objects.create(
            round=round, node=node, update=update, version=round.result_version, samples=samples
        )
