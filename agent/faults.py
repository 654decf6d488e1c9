"""What can go wrong between a signed document and what it asks for; each knows the Reason that is reported.

Fault
├── DocumentRefused   a target, or work, that is not accepted
├── FetchFailed       an artifact did not come
├── Damaged           a file has other bytes than its name says
├── ShelfFailed       the disk does not take or give the file
└── LoadFailed        what the document names could not be brought to run
"""

from muster.wire.targets import Reason


class Fault(Exception):
    """Base of all: a reason for programs, a text for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class DocumentRefused(Fault):
    """The accepted one stays."""


class FetchFailed(Fault):
    """What came so far is kept, and the rest is asked for later."""


class Damaged(Fault):
    """The file is thrown away and fetched again."""


class ShelfFailed(Fault):
    """The disk is full, or fails."""


class LoadFailed(Fault):
    """What ran before still does."""
