"""What can go wrong between a target and its shards; each knows the Reason that is reported.

ServingError
├── TargetRefused   a target that is not accepted
├── FetchFailed     an artifact did not come
├── Damaged         a file has other bytes than its name says
├── ShelfFailed     the disk does not take or give the file
└── LoadFailed      the shards could not be brought to serve
"""

from muster.wire.targets import Reason


class ServingError(Exception):
    """Base of all: a reason for programs, a text for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class TargetRefused(ServingError):
    """The accepted target stays."""


class FetchFailed(ServingError):
    """What came so far is kept, and the rest is asked for later."""


class Damaged(ServingError):
    """The file is thrown away and fetched again."""


class ShelfFailed(ServingError):
    """The disk is full, or fails."""


class LoadFailed(ServingError):
    """What served before still does."""
