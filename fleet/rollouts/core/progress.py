"""How far a node has come with a rollout: what it says, held against what it proves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.rollouts.core.rollout_states import AssignmentState
from muster.wire.targets import Reason, ReportState

Generation = tuple[int, int]

# Reasons that speak of a target that came and was not accepted; the report still names the one before.
TURNED_AWAY = frozenset({Reason.BAD_SIGNATURE, Reason.OLDER, Reason.MALFORMED})

STAGES = {
    ReportState.IDLE: AssignmentState.PENDING,
    ReportState.ACCEPTED: AssignmentState.DOWNLOADING,
    ReportState.DOWNLOADING: AssignmentState.DOWNLOADING,
    ReportState.STAGED: AssignmentState.STAGED,
    ReportState.PROBED: AssignmentState.PROBED,
    # Says that it runs everything and does not prove it: no further than probed.
    ReportState.ACTIVE: AssignmentState.PROBED,
    ReportState.FAILED: AssignmentState.FAILED,
}


@dataclass(frozen=True)
class Said:
    """What a node last said.

    Attributes:
        accepted: generation of the accepted target.
        serving: generation of what runs.
        corrupt: keys of the shards that it calls corrupt.
    """

    accepted: Generation | None
    serving: Generation | None
    state: ReportState
    reason: Reason = Reason.NONE
    corrupt: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Wanted:
    """What one rollout asks of a node.

    Attributes:
        generation: of the first target that carried the plan to the node.
        shards: key → weights_sha256 of the model's shards on its tier.
    """

    generation: Generation
    shards: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """Where a node stands with a rollout."""

    state: AssignmentState
    reason: Reason = Reason.NONE


def standing(wanted: Wanted, said: Said | None, running: Mapping[int, str], *, online: bool) -> Standing:
    """Return how far a node has come.

    Running it is proved by hashes alone: of a generation that carries the plan, every one of the model's shards is
    in the running process with exactly the weights that were published. A wrong hash in the process outweighs
    whatever else the node says. Who is not connected and has not proved it catches up later.

    Args:
        running: key → weights_sha256 computed from the live tensors.
        online: whether its lease lies ahead.
    """
    wrong = mismatched(wanted.shards, running) or (said is not None and _admits_mismatch(wanted, said))
    if not wrong and said is not None and _proved(wanted, said, running):
        return Standing(AssignmentState.ACTIVE, _beside(said))
    if not online:
        return Standing(AssignmentState.DEFERRED)
    if wrong:
        return Standing(AssignmentState.FAILED, Reason.LIVE_MISMATCH)
    if said is None:
        return Standing(AssignmentState.PENDING)
    return _on_its_way(wanted, said)


def mismatched(shards: Mapping[int, str], running: Mapping[int, str]) -> list[int]:
    """Return the keys of the shards that run with other weights than they should.

    >>> mismatched({1: "a", 2: "b", 3: "c"}, {1: "a", 2: "x"})
    [2]
    """
    return [key for key, weights in shards.items() if running.get(key, weights) != weights]


def _admits_mismatch(wanted: Wanted, said: Said) -> bool:
    """Say whether the node itself has found wrong tensors in memory, of this model or of one that it does not name."""
    return said.reason is Reason.LIVE_MISMATCH and (not said.corrupt or bool(said.corrupt & wanted.shards.keys()))


def _proved(wanted: Wanted, said: Said, running: Mapping[int, str]) -> bool:
    if said.serving is None or said.serving < wanted.generation:
        return False
    return all(running.get(key) == weights for key, weights in wanted.shards.items())


def _beside(said: Said) -> Reason:
    """Return what is wrong beside a proved plan: of its own shards on disk, never of a later target."""
    return said.reason if said.state is ReportState.ACTIVE else Reason.NONE


def _on_its_way(wanted: Wanted, said: Said) -> Standing:
    if said.accepted is None or said.accepted < wanted.generation:
        if said.reason in TURNED_AWAY:
            return Standing(AssignmentState.FAILED, said.reason)
        return Standing(AssignmentState.PENDING)
    return Standing(STAGES[said.state], said.reason)
