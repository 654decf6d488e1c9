"""When a phase ends: a round never waits for ever, and never for those who said that they will not come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Decision(StrEnum):
    WAIT = "wait"
    CLOSE = "close"  # enough came; go on with them
    FAIL = "fail"  # too few came, and no more can


@dataclass(frozen=True)
class Collection:
    """What a phase has got so far.

    Attributes:
        received: members whose update is here in full.
        waiting: members that may still hand one over.
        quorum: so many are needed.
        deadline_at: nothing counts after it.
        grace_until: how long those who are slower are waited for; None until the quorum is reached.
    """

    received: int
    waiting: int
    quorum: int
    deadline_at: datetime
    grace_until: datetime | None


def grace_until(found: Collection, now: datetime, grace: timedelta) -> datetime | None:
    """Return until when slower members are waited for, once the quorum is reached; it never moves again."""
    if found.grace_until is not None or found.received < found.quorum:
        return found.grace_until
    return min(now + grace, found.deadline_at)


def decide(found: Collection, now: datetime) -> Decision:
    """Return what becomes of a phase.

    >>> at = datetime(2026, 1, 1)
    >>> decide(Collection(2, 1, 2, at, None), at - timedelta(seconds=1)).value
    'wait'
    >>> decide(Collection(1, 1, 2, at, None), at).value, decide(Collection(2, 0, 2, at, None), at).value
    ('fail', 'close')
    """
    over = found.waiting == 0 or now >= found.deadline_at
    if found.received < found.quorum:
        return Decision.FAIL if over or found.received + found.waiting < found.quorum else Decision.WAIT
    if over or (found.grace_until is not None and now >= found.grace_until):
        return Decision.CLOSE
    return Decision.WAIT
