"""What starting and stopping a job refuses, and the words for it.

DomainError
├── InvalidInput       400  settings, site, base version
└── Conflict
    ├── JobRunning     409  the model has a running job
    ├── JobOver        409  the job has ended already
    ├── NothingToTrain 409  the model has no published version
    └── WorkloadUnfit  409  the model's workload is not here, or in another version
"""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aggregation.core.config import Code, Problem
from fleet.trust.services.errors import Conflict, InvalidInput

TEXTS = {
    Code.MISSING: gettext_lazy("This is needed."),
    Code.UNKNOWN: gettext_lazy("There is no such setting."),
    Code.NOT_A_NUMBER: gettext_lazy("Give a whole number."),
    Code.TOO_SMALL: gettext_lazy("Give at least %(least)d."),
    Code.TOO_LARGE: gettext_lazy("Give at most %(most)d."),
    Code.NO_TIER: gettext_lazy("Choose at least one tier."),
    Code.UNKNOWN_TIER: gettext_lazy("“%(value)s” is no tier; there are terminal, edge and cloud."),
    Code.NOT_A_CHOICE: gettext_lazy("Give true or false."),
    Code.GRACE_PAST_DEADLINE: gettext_lazy("The grace ends with the deadline, so give at most %(most)d."),
}


class JobRunning(Conflict):
    """The model has a running job."""

    code = "job_running"


class JobOver(Conflict):
    """The job has ended already."""

    code = "job_over"
    message = gettext_lazy("This job is over.")


class NothingToTrain(Conflict):
    """The model has no published version to begin with."""

    code = "nothing_to_train"
    message = gettext_lazy("This model has no published version to begin with.")


class WorkloadUnfit(Conflict):
    """The declaration of the model's workload is not what it was published with."""

    code = "workload_unfit"


def refused(problems: Sequence[Problem]) -> InvalidInput:
    """Return the refusal of settings, with every reason in words under its field."""
    fields: dict[str, list[str]] = {}
    for problem in problems:
        fields.setdefault(problem.field, []).append(sentence(problem))
    return InvalidInput(_("Please check the marked fields."), fields=fields)


def sentence(problem: Problem) -> str:
    """Return why, for a person, in the language that is active."""
    return str(TEXTS[problem.code]) % problem.facts
