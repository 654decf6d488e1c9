"""Reads what the page of one round shows: its way in time, and what became of each member."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aggregation.core.lifecycle import MemberState, RoundState, Screen
from aggregation.models import Round
from aggregation.models.round import MEMBER_LABELS, ROUND_LABELS
from aggregation.models.words import DETAILS, REASONS, SCREENS
from aggregation.selectors import job_pages, jobs
from aggregation.selectors.jobs import Funnel
from muster.wire.work import WorkReason, WorkState

LABELS: dict[str, str | Promise] = dict(MEMBER_LABELS)
ROUND_WORDS: dict[str, str | Promise] = dict(ROUND_LABELS)
NUMBER = tuple[str, int]


@dataclass(frozen=True)
class Step:
    """One state on a round's way: when it began, and whether it is behind, now or still ahead."""

    state: str
    label: str | Promise
    at: datetime | None
    when: str  # done | now | ahead


@dataclass(frozen=True)
class Line:
    """What became of one member.

    Attributes:
        name, advice, detail: why it is where it is, and what to do; empty where all is well.
        doing: how far it says that it is, while it is on its way.
        samples: component → samples, in the model's order.
    """

    member: Any
    name: str
    advice: str
    detail: str
    doing: str
    samples: list[NUMBER]


def steps(round: Round) -> list[Step]:
    """Return the states of a round in their order, each with its time where one is known."""
    times = {
        RoundState.PLANNED: round.created_at,
        RoundState.OPEN: round.opened_at,
        RoundState.AGGREGATING: round.closed_at,
        RoundState.EVALUATING: None,
    }
    end = RoundState.FAILED if round.state == RoundState.FAILED else RoundState.PUBLISHED
    order = [*times, end]
    at = order.index(RoundState(round.state))
    reached = at if end == RoundState.PUBLISHED else max(i for i, state in enumerate(times) if times[state])
    found = []
    for place, state in enumerate(order):
        if end == RoundState.FAILED and reached < place < len(order) - 1:
            continue  # it never came there
        over = round.state in (RoundState.PUBLISHED, RoundState.FAILED)
        when = "done" if place < at or (place == at and over) else "now" if place == at else "ahead"
        moment = round.finished_at if state == end else times[state]
        found.append(Step(state.value, ROUND_WORDS[state.value], moment, when))
    return found


def sentence(round: Round, funnel: Funnel) -> str:
    """Return how a round stands, as one would say it aloud."""
    if round.state == RoundState.PLANNED:
        return _("It waits for enough nodes before it invites them.")
    known = {"here": funnel.received, "all": funnel.invited, "accepted": funnel.accepted}
    if round.state == RoundState.OPEN:
        return (
            ngettext(
                "The update of %(here)d of %(all)d member is here.",
                "The updates of %(here)d of %(all)d members are here.",
                funnel.invited,
            )
            % known
        )
    if round.state in (RoundState.AGGREGATING, RoundState.EVALUATING):
        return (
            ngettext(
                "%(here)d update came; what is accepted is averaged and measured on held-out data.",
                "%(here)d updates came; what is accepted is averaged and measured on held-out data.",
                funnel.received,
            )
            % known
        )
    if round.state == RoundState.FAILED:
        why = job_pages.failed(round.failure)
        return _("It failed: %(why)s.") % {"why": why.words.name if why else _("It failed")}
    return (
        ngettext(
            "%(accepted)d of %(all)d member is in the new version.",
            "%(accepted)d of %(all)d members are in the new version.",
            funnel.invited,
        )
        % known
    )


def members(round: Round, state: str = "") -> QuerySet[Any]:
    """Return a round's members, of one state where one is named."""
    found = jobs.members(round)
    return found.filter(state=state) if state in LABELS else found


def line(member: Any, order: list[str]) -> Line:
    """Return what became of a member of `members`; `order` is that of the model's components."""
    name, advice, detail = _why(member)
    samples = member.samples or {}
    known = [part for part in order if part in samples]
    listed = [(part, samples[part]) for part in [*known, *sorted(samples.keys() - set(known))]]
    return Line(member, name, advice, detail, _doing(member), listed)


def _why(member: Any) -> tuple[str, str, str]:
    """Return word, advice and detail of a refusal or a drop-out."""
    if member.state == MemberState.REFUSED and member.screen in [*Screen]:
        words = SCREENS[Screen(member.screen)]
        return str(words.name), str(words.advice), member.screen_detail or ""
    if member.state == MemberState.DROPPED and member.reason and member.reason in [*WorkReason]:
        words = REASONS[WorkReason(member.reason)]
        return str(words.name), str(words.advice), member.detail
    if member.state == MemberState.DROPPED and member.detail in DETAILS:
        return str(DETAILS[member.detail]), "", ""
    if member.state == MemberState.LATE:
        return (
            _("It came after the round had closed"),
            _("It does not count here; the next round invites it again."),
            "",
        )
    return "", "", member.detail


def _doing(member: Any) -> str:
    """Return how far a member says that it is."""
    if member.state not in (MemberState.INVITED, MemberState.TRAINING) or not member.said_state:
        return ""
    known = {"done": member.said_done, "total": member.said_total}
    if member.said_state == WorkState.FETCHING:
        return _("fetches the base")
    if member.said_state == WorkState.TRAINING:
        return _("step %(done)d of %(total)d") % known if member.said_total else ""
    if member.said_state == WorkState.UPLOADING:
        return _("hands over %(share)d %%") % {"share": 100 * member.said_done // (member.said_total or 1)}
    return ""
