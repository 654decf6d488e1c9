"""Pushes that are on their way, for the overview."""

from dataclasses import dataclass

from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models import Rollout
from fleet.rollouts.selectors import rollouts
from fleet.rollouts.selectors.progress_pages import ORDER, Piece
from fleet.trust.access import Person

MOST_PUSHES = 4  # what fits beside "needs attention"; the list of plans has all


@dataclass(frozen=True)
class Push:
    """A push that is not done: how many of its nodes are in which state."""

    rollout: Rollout
    pieces: list[Piece]
    active: int
    failed: int
    total: int


def pushes(user: Person) -> list[Push]:
    """Return the pushes that the person may watch and that are running, the newest first."""
    running = list(rollouts.listing(user).filter(state=RolloutState.RUNNING)[:MOST_PUSHES])
    counts = rollouts.counts([rollout.pk for rollout in running]) if running else {}
    return [_push(rollout, counts[rollout.pk]) for rollout in running]


def _push(rollout: Rollout, counts: dict[str, int]) -> Push:
    found = [Piece(state.value, "", counts[state.value]) for state in ORDER if counts.get(state.value)]
    active, failed = counts.get(AssignmentState.ACTIVE, 0), counts.get(AssignmentState.FAILED, 0)
    return Push(rollout, found, active, failed, sum(counts.values()))
