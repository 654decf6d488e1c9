"""What a strategy is, and which there are; one file each, without the round's loop.

A strategy says which phases a round has, which kinds of update each takes, what a member's tensors weigh, and
what becomes of the base and the mean. Who invites, collects, streams the files and publishes asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from muster.tensors.accumulate import plus
from muster.wire.work import JobKind, UpdateKind

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class PhaseDeclared:
    """One exchange with the members.

    Attributes:
        name: as the members see it.
        update_kind: what they hand over in it.
    """

    name: str
    update_kind: UpdateKind


@dataclass(frozen=True)
class Strategy:
    """How members' updates become the next version.

    Attributes:
        name: as a job and a task name it.
        title, description: in English; pages translate them.
        kinds: of jobs that it can drive.
        phases: in their order; the last one's updates are aggregated.
        weights: from the samples that a member states, component → samples, to what its tensors weigh, component →
            whole number, 0 or more; for `Weighted.samples`.
        combine: element by element in float64, from base and mean difference to the new values; for `aggregate`.
    """

    name: str
    title: str
    description: str
    kinds: frozenset[JobKind]
    phases: tuple[PhaseDeclared, ...]
    weights: Callable[[Mapping[str, int]], dict[str, int]]
    combine: Callable[[Floats, Floats], Floats] = plus

    def accepts(self, kind: UpdateKind) -> bool:
        """Return whether any of its phases takes updates of this kind."""
        return any(phase.update_kind == kind for phase in self.phases)


class UnknownStrategy(LookupError):
    """There is no strategy of that name."""


def names() -> list[str]:
    """Return the names of all strategies; the first is the one to begin with."""
    return list(_strategies())


def get(name: str) -> Strategy:
    """Return a strategy; UnknownStrategy if there is none of that name."""
    try:
        return _strategies()[name]
    except KeyError:
        raise UnknownStrategy(f"there is no strategy {name!r}; there are {', '.join(names())}") from None


def _strategies() -> dict[str, Strategy]:
    from aggregation.core.strategies import fedavg  # it imports this module

    return {strategy.name: strategy for strategy in (fedavg.STRATEGY,)}
