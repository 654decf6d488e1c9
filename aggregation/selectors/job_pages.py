"""Reads what the pages of jobs show: the list, one job in a sentence, the funnel of its newest round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aggregation.core import failures
from aggregation.core.failures import Failure, NotPushed
from aggregation.core.lifecycle import JobState, MemberState, RoundState
from aggregation.models import Round, TrainingJob
from aggregation.models.round import MEMBER_LABELS
from aggregation.models.words import FAILURES, NOT_PUSHED, Words
from aggregation.selectors import accuracy, jobs
from aggregation.selectors.accuracy import Gain, Margin
from aggregation.selectors.jobs import Funnel
from fleet.pages.core.numbers import SPACE, plain
from fleet.registry.models.workload_labels import modality
from fleet.trust.access import Person

LABELS: dict[str, str | Promise] = dict(MEMBER_LABELS)
WAY = (MemberState.INVITED, MemberState.TRAINING, MemberState.RECEIVED, MemberState.ACCEPTED)
ASIDE = (MemberState.REFUSED, MemberState.LATE, MemberState.DROPPED)
MOST_ON_OVERVIEW = 4  # what fits beside "needs attention"; the list of jobs has all


@dataclass(frozen=True)
class Stage:
    """A stage of the funnel: how many members came so far, and what share of the invited they are."""

    state: str
    label: str | Promise
    count: int
    percent: float


@dataclass(frozen=True)
class JobRow:
    """A job in the list; `members` of its newest round."""

    job: Any
    members: int
    gain: Gain
    stages: list[Stage]


@dataclass(frozen=True)
class Failed:
    """Why a job or a round failed: words, and what more the service has said in English."""

    words: Words
    detail: str


def rows(found: Sequence[Any]) -> list[JobRow]:
    """Return jobs of `jobs.listing` as the list shows them."""
    standings = {standing.job: standing for standing in jobs.standings([job.pk for job in found])}
    return [_row(job, standings[job.pk].counts) for job in found]


def running(user: Person) -> list[JobRow]:
    """Return the jobs that the person may watch and that are running, the newest first."""
    return rows(list(jobs.listing(user).filter(state=JobState.RUNNING)[:MOST_ON_OVERVIEW]))


def _row(job: Any, counts: dict[str, int]) -> JobRow:
    return JobRow(job, sum(counts.values()), accuracy.gain(job), stages(jobs.funnel(counts)))


def stages(funnel: Funnel) -> list[Stage]:
    """Return the way of a round's members, from the invitation to the accepted update."""
    whole = funnel.invited or 1
    counted = [(state, getattr(funnel, state.value)) for state in WAY]
    return [Stage(state.value, LABELS[state.value], count, round(count / whole * 100, 2)) for state, count in counted]


def aside(funnel: Funnel) -> list[Stage]:
    """Return those who left the way."""
    counted = [(state, getattr(funnel, state.value)) for state in ASIDE]
    return [Stage(state.value, LABELS[state.value], count, 0.0) for state, count in counted]


def failed(failure: str) -> Failed | None:
    """Return why something failed in words; None where it did not."""
    if not failure:
        return None
    word, detail = failures.split(failure)
    known = FAILURES.get(Failure(word)) if word in [*Failure] else None
    return Failed(known, detail) if known else Failed(Words(_("It failed"), ""), failure)


def not_pushed(failure: str) -> Failed | None:
    """Return why a job's best version was not pushed in words; None where nothing stood against it."""
    word, detail = failures.split(failure)
    return Failed(NOT_PUSHED[NotPushed(word)], detail) if failure else None


def sentence(job: Any, newest: Round | None, funnel: Funnel) -> str:
    """Return how a job stands, as one would say it aloud."""
    if job.state == JobState.RUNNING:
        return _running(job, newest, funnel)
    published, planned = job.rounds_published, job.rounds_planned
    if job.state == JobState.DONE:
        over = ngettext("Its %(planned)d round is over.", "Its %(planned)d rounds are over.", planned) % {
            "planned": planned
        }
    elif job.state == JobState.STOPPED:
        over = ngettext(
            "It was stopped after %(published)d of %(planned)d published round.",
            "It was stopped after %(published)d of %(planned)d published rounds.",
            planned,
        ) % {"published": published, "planned": planned}
    else:
        why = failed(job.failure)
        over = _("It failed: %(why)s.") % {"why": why.words.name if why else _("It failed")}
    return " ".join(filter(None, [over, _best(job)]))


def _running(job: Any, newest: Round | None, funnel: Funnel) -> str:
    known = {"n": newest.number if newest else 1, "m": job.rounds_planned}
    if newest is None or newest.state == RoundState.PLANNED:
        return _("Round %(n)d of %(m)d waits for enough nodes.") % known
    if newest.state == RoundState.OPEN:
        return ngettext(
            "Round %(n)d of %(m)d collects: the update of %(here)d of %(all)d member is here.",
            "Round %(n)d of %(m)d collects: the updates of %(here)d of %(all)d members are here.",
            funnel.invited,
        ) % (known | {"here": funnel.received, "all": funnel.invited})
    if newest.state == RoundState.AGGREGATING:
        return ngettext(
            "Round %(n)d of %(m)d screens and averages %(here)d update.",
            "Round %(n)d of %(m)d screens and averages %(here)d updates.",
            funnel.received,
        ) % (known | {"here": funnel.received})
    if newest.state == RoundState.EVALUATING:
        return _("Round %(n)d of %(m)d is measured on held-out data.") % known
    return _("Round %(n)d of %(m)d is over; the next one follows.") % known


def _best(job: TrainingJob) -> str:
    """Return which version answers best, and what was won over the base."""
    won = accuracy.gain(job)
    if job.best_version is None or won.best is None:
        return ""
    known = {"version": job.best_version.number, "right": share(won.best)}
    if won.points is None:
        return _("Version %(version)d answers best: %(right)s of held-out samples right.") % known
    known["points"] = points(won.points)
    if won.points >= 0:
        return _("Version %(version)d answers best: %(right)s right, %(points)s points more than its base.") % known
    return _("Version %(version)d answers best: %(right)s right, %(points)s points fewer than its base.") % known


def margin_sentence(margin: Margin | None) -> str:
    """Return how fusion stands against the best single modality; nothing where there are no several."""
    if margin is None:
        return ""
    known = {
        "n": margin.number,
        "fusion": share(margin.fusion),
        "points": points(margin.points),
        "modality": modality(margin.modality),
        "single": share(margin.single),
    }
    if margin.points >= 0:
        return (
            _(
                "In round %(n)d, the best, fusion answers %(fusion)s right: %(points)s points more than the best "
                "single modality, %(modality)s with %(single)s."
            )
            % known
        )
    return (
        _(
            "In round %(n)d, the best, fusion answers %(fusion)s right: %(points)s points fewer than the best "
            "single modality, %(modality)s with %(single)s."
        )
        % known
    )


def share(value: float) -> str:
    """Return a share in per cent for use in a sentence."""
    return f"{plain(value * 100, 1)}{SPACE}%"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, without its sign."""
    return plain(abs(difference) * 100, 1)
