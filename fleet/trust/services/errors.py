"""What a service refuses, said so that every face can repeat it.

DomainError
├── InvalidInput     400  a value cannot be accepted; `fields` says which and why
├── Conflict         409  the wish does not fit what is there
└── EnrolmentError   see enrolment_errors
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class DomainError(Exception):
    """A refusal: `code` for programs, `status` for HTTP, the message for people.

    Attributes:
        fields: the refused fields, each with its reasons.
    """

    code = "refused"
    status = 400
    message: Text = _("This is not possible.")

    def __init__(self, message: Text | None = None, *, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(str(self.message if message is None else message))
        self.fields = dict(fields or {})


class InvalidInput(DomainError):
    """A value cannot be accepted."""

    code = "invalid"
    message = _("Please check the marked fields.")


class Conflict(DomainError):
    """The wish does not fit what is there."""

    code = "conflict"
    status = 409
    message = _("This does not fit the present state.")


def refuse(field: str, message: Text) -> InvalidInput:
    """Return the refusal of one field."""
    return InvalidInput(message, fields={field: [str(message)]})
