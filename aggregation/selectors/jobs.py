"""Reads jobs as a person may see them: how far they are, and what each round has brought."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from aggregation.core.lifecycle import OVER, JobState, MemberState, RoundState
from aggregation.models import Member, Round, TrainingJob
from fleet.registry.core.version_states import VersionState
from fleet.registry.models import Model
from fleet.trust.access import Person, Verb, visible

# A job that is over is told about for this long, so that its page learns what became of it.
FAREWELL = timedelta(minutes=5)


def listing(user: Person) -> QuerySet[Any]:
    """Return the jobs of the models that `user` sees, the newest first.

    Each has `rounds_made`, `rounds_published`, and of its newest round `round_number` and `round_state`.
    """
    newest = Round.objects.filter(job=OuterRef("pk")).order_by("-number")
    jobs = TrainingJob.objects.select_related(
        "model__site", "site", "base_version", "best_version", "created_by", "rollout__plan"
    )
    return (
        visible(jobs, user)
        .annotate(
            rounds_made=Count("rounds"),
            rounds_published=Count("rounds", filter=Q(rounds__state=RoundState.PUBLISHED)),
            round_number=Subquery(newest.values("number")[:1]),
            round_state=Subquery(newest.values("state")[:1]),
        )
        .order_by("-created_at", "-id")
    )


def watchable(user: Person, ids: list[uuid.UUID]) -> Iterable[uuid.UUID]:
    """Return those of these jobs that `user` may watch."""
    return visible(TrainingJob.objects.filter(pk__in=ids), user).values_list("pk", flat=True)


def trainable(user: Person) -> QuerySet[Model]:
    """Return the models that `user` may start a job of: those with a published version."""
    published = Q(versions__state=VersionState.PUBLISHED)
    return visible(Model.objects.select_related("site"), user, Verb.RELEASE).filter(published).distinct()


def revisions() -> dict[uuid.UUID, int]:
    """Return the revision of every job that somebody may be watching move."""
    lately = timezone.now() - FAREWELL
    computing = Round.objects.exclude(state__in=OVER).values("job")
    rows = TrainingJob.objects.filter(Q(state=JobState.RUNNING) | Q(finished_at__gt=lately) | Q(pk__in=computing))
    return dict(rows.values_list("pk", "revision"))


@dataclass(frozen=True)
class Standing:
    """How far a job is.

    Attributes:
        round, round_state: of its newest round.
        counts: state → how many members of that round are in it.
    """

    job: uuid.UUID
    revision: int
    state: str
    round: int | None
    round_state: str | None
    counts: dict[str, int] = field(default_factory=dict)


def standings(ids: Sequence[uuid.UUID]) -> list[Standing]:
    """Return how far these jobs are."""
    if not ids:
        return []
    newest = Round.objects.filter(job=OuterRef("pk")).order_by("-number")
    rows = TrainingJob.objects.filter(pk__in=ids).annotate(
        round_id=Subquery(newest.values("pk")[:1]),
        round_number=Subquery(newest.values("number")[:1]),
        round_state=Subquery(newest.values("state")[:1]),
    )
    jobs = list(rows.values_list("pk", "revision", "state", "round_id", "round_number", "round_state"))
    found = counts([round_id for _pk, _revision, _state, round_id, *_ in jobs])
    return [
        Standing(pk, revision, state, number, round_state, found.get(round_id, {}))
        for pk, revision, state, round_id, number, round_state in jobs
    ]


def counts(round_ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, dict[str, int]]:
    """Return round → state → how many of its members are in it."""
    rows = Member.objects.filter(round__in=[pk for pk in round_ids if pk]).values_list("round", "state")
    found: dict[uuid.UUID, dict[str, int]] = {}
    for round_id, state, number in rows.annotate(number=Count("pk")).order_by("round", "state"):
        found.setdefault(round_id, {})[state] = number
    return found


@dataclass(frozen=True)
class Funnel:
    """How many members of a round came how far; each number holds those behind it.

    Attributes:
        invited: all members.
        training: those who were heard to train, or did more.
        received: those whose update is here in full.
        accepted: those whose update counts.
        refused, late, dropped: those who left the way on it.
    """

    invited: int
    training: int
    received: int
    accepted: int
    refused: int
    late: int
    dropped: int


def funnel(found: dict[str, int]) -> Funnel:
    """Return the funnel of the counts of one round.

    >>> funnel({"accepted": 4, "refused": 1, "training": 2, "dropped": 1}).received
    5
    """
    accepted, refused = found.get(MemberState.ACCEPTED, 0), found.get(MemberState.REFUSED, 0)
    received = accepted + refused + found.get(MemberState.RECEIVED, 0)
    return Funnel(
        invited=sum(found.values()),
        training=received + found.get(MemberState.TRAINING, 0),
        received=received,
        accepted=accepted,
        refused=refused,
        late=found.get(MemberState.LATE, 0),
        dropped=found.get(MemberState.DROPPED, 0),
    )


def rounds(job: TrainingJob) -> QuerySet[Round]:
    """Return a job's rounds in their order, with the versions that they began with and made."""
    return job.rounds.select_related("base_version", "result_version").order_by("number")


@dataclass(frozen=True)
class Curve:
    """One measured value over the rounds: `all`, or a modality alone.

    Attributes:
        numbers: of the published rounds, a point each.
        values: between 0 and 1; None where a round did not measure it.
    """

    kind: str
    metric: str
    numbers: list[int]
    values: list[float | None]


def curves(found: Iterable[Round]) -> list[Curve]:
    """Return every value that published rounds measured, `all` first, then modality by modality."""
    published = [round for round in found if round.state == RoundState.PUBLISHED]
    names = {(kind, metric): None for round in published for kind in round.metrics for metric in round.metrics[kind]}
    ordered = sorted(names, key=lambda name: (name[0] != "all", name))
    numbers = [round.number for round in published]
    return [
        Curve(kind, metric, numbers, [_value(round.metrics, kind, metric) for round in published])
        for kind, metric in ordered
    ]


def _value(metrics: dict[str, dict[str, int | None]], kind: str, metric: str) -> float | None:
    millionths = metrics.get(kind, {}).get(metric)
    return None if millionths is None else millionths / 1_000_000


def listed_rounds(user: Person) -> QuerySet[Round]:
    """Return the rounds of the jobs that `user` sees."""
    found = Round.objects.select_related("job__model__site", "base_version", "result_version")
    return visible(found, user).order_by("job", "number")


def members(round: Round) -> QuerySet[Any]:
    """Return a round's members in order of their nodes' names, each with its update and how far it says that it is.

    Of its update: `attempt`, `verdict`, `screen`, `screen_detail`, `samples`, `norm`, `loss_before`, `loss_after`,
    `trained_ms`, `size_bytes`, `update_sha256`, `received_at`; None where none came.
    """
    from aggregation.models import Update
    from fleet.registry.models import WorkProgress

    own = Update.objects.filter(phase__round=OuterRef("round"), node=OuterRef("node")).order_by("phase__ordinal")
    said = WorkProgress.objects.filter(node=OuterRef("node"), task__in=round.phases.values("pk")).order_by("-at")
    plain = ("attempt", "verdict", "samples", "norm", "loss_before", "loss_after", "trained_ms", "size_bytes")
    columns = {name: Subquery(own.values(name)[:1]) for name in (*plain, "received_at")}
    renamed = {"screen": "reason", "screen_detail": "detail", "update_sha256": "sha256"}
    columns |= {name: Subquery(own.values(column)[:1]) for name, column in renamed.items()}
    columns |= {f"said_{name}": Subquery(said.values(name)[:1]) for name in ("state", "done", "total")}
    rows = round.members.select_related("node__site", "node__presence").annotate(**columns)
    return rows.order_by(F("node__name"), "node_id")
