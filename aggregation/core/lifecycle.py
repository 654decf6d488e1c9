"""The lives of a job, a round, a phase and a member, as data."""

from enum import StrEnum


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # by a person


class RoundState(StrEnum):
    PLANNED = "planned"  # made; nobody is invited yet
    OPEN = "open"  # its phases run
    AGGREGATING = "aggregating"
    EVALUATING = "evaluating"
    PUBLISHED = "published"
    FAILED = "failed"


class PhaseState(StrEnum):
    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


class MemberState(StrEnum):
    INVITED = "invited"
    TRAINING = "training"
    RECEIVED = "received"  # every byte of its update is here
    ACCEPTED = "accepted"
    REFUSED = "refused"  # screening said no; the reason is with the update
    LATE = "late"  # came after the round had closed
    DROPPED = "dropped"  # did not come, or said that it cannot


class Verdict(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Screen(StrEnum):
    """Why an update was refused."""

    NONE = ""
    MALFORMED = "malformed"  # no safetensors file, or a damaged one
    EXTRA_TENSOR = "extra_tensor"
    MISSING_TENSOR = "missing_tensor"
    WRONG_SHAPE = "wrong_shape"
    WRONG_DTYPE = "wrong_dtype"
    NOT_FINITE = "not_finite"
    NORM = "norm"  # beyond the job's bound
    NO_SAMPLES = "no_samples"  # claims none, or more than a device may
    KIND = "kind"  # not the kind that the phase wants
    UNTRAINED = "untrained"  # changes a component that it has no samples for


JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.STOPPED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.STOPPED: frozenset(),
}
ROUND_MOVES: dict[RoundState, frozenset[RoundState]] = {
    RoundState.PLANNED: frozenset({RoundState.OPEN, RoundState.FAILED}),
    RoundState.OPEN: frozenset({RoundState.AGGREGATING, RoundState.FAILED}),
    RoundState.AGGREGATING: frozenset({RoundState.EVALUATING, RoundState.FAILED}),
    RoundState.EVALUATING: frozenset({RoundState.PUBLISHED, RoundState.FAILED}),
    RoundState.PUBLISHED: frozenset(),
    RoundState.FAILED: frozenset(),
}
PHASE_MOVES: dict[PhaseState, frozenset[PhaseState]] = {
    PhaseState.WAITING: frozenset({PhaseState.OPEN}),
    PhaseState.OPEN: frozenset({PhaseState.CLOSED}),
    PhaseState.CLOSED: frozenset(),
}
MEMBER_MOVES: dict[MemberState, frozenset[MemberState]] = {
    MemberState.INVITED: frozenset({MemberState.TRAINING, MemberState.RECEIVED, MemberState.LATE, MemberState.DROPPED}),
    MemberState.TRAINING: frozenset({MemberState.RECEIVED, MemberState.LATE, MemberState.DROPPED}),
    MemberState.RECEIVED: frozenset({MemberState.ACCEPTED, MemberState.REFUSED}),
    MemberState.ACCEPTED: frozenset(),
    MemberState.REFUSED: frozenset(),
    MemberState.LATE: frozenset(),
    MemberState.DROPPED: frozenset({MemberState.LATE}),
}
OVER = frozenset({RoundState.PUBLISHED, RoundState.FAILED})
