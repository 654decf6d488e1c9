"""Why a round or a job failed: a word for programs, and what there is to say about it in English."""

from enum import StrEnum


class Failure(StrEnum):
    NO_MEMBERS = "no_members"  # too few nodes could be invited
    QUORUM_MISSED = "quorum_missed"  # too few updates came in time
    QUORUM_LOST = "quorum_lost"  # too few of those that came were accepted
    NOT_PUBLISHABLE = "not_publishable"  # what was aggregated is no model, as after an overflow
    GAVE_UP = "gave_up"  # whoever computed was lost too often
    STOPPED = "stopped"  # by a person
    ROUNDS_FAILED = "rounds_failed"  # of a job: too many in a row, or every one
    WORKLOAD_UNFIT = "workload_unfit"  # its package is not installed here any more, or in another version


class NotPushed(StrEnum):
    """Why the best version of a job stays where it is."""

    NO_BETTER = "no_better"  # than the version with which the job began
    NO_PLAN = "no_plan"  # none of the model is active, so nobody has said where its parts run
    REFUSED = "refused"  # the plan or its push; the detail says why


def said(failure: Failure | NotPushed, detail: str = "") -> str:
    """Return what is stored.

    >>> said(Failure.GAVE_UP, "3 attempts")
    'gave_up: 3 attempts'
    """
    return f"{failure.value}: {detail}" if detail else failure.value


def split(text: str) -> tuple[str, str]:
    """Return the word and the rest of what is stored.

    >>> split("gave_up: 3 attempts"), split("stopped")
    (('gave_up', '3 attempts'), ('stopped', ''))
    """
    word, _colon, detail = text.partition(": ")
    return word, detail
