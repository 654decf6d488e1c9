"""What can go wrong on a device, and the exit code that says so.

AgentError                  1  anything not named below
├── Usage                   2  an argument that cannot be meant
├── NotEnrolled             3  `run` or `status` in a home without an enrolment
├── AlreadyEnrolled         4  `enrol` in a home that has one
├── HomeUnusable            5  the home folder cannot be made, read or written
├── AlreadyRunning          6  another agent runs in this home
├── ServerUnreachable       7  no such host, refused, timed out, or the server is failing
├── NotAMusterServer        8  something answers, but not as a Muster server does
├── WrongServerKey          9  the server's key is not the pinned one, or its signature is false
├── EnrolmentRefused       10  token, name, key or size refused by the server
├── NotRunning             11  `status`: no agent runs, or it has stopped writing
├── NotConnected           12  `status`: the agent runs but is not connected
└── LinkError               –  the way to the gateway; shown and retried, never the end of `run`
    ├── LinkLost               not reached, timed out, or closed without a word
    ├── LinkSilent             open, but nothing comes through
    ├── LinkRefused            the gateway said why it closes
    └── BadGateway             it does not hold the pinned key or breaks the wire

Every message is one line: what happened, then what to do about it.
"""

from typing import ClassVar


class AgentError(Exception):
    """Base of all; its text is shown to the person at the keyboard."""

    exit_code: ClassVar[int] = 1


class Usage(AgentError):
    """An argument that cannot be meant."""

    exit_code = 2


class NotEnrolled(AgentError):
    """The home has no enrolment."""

    exit_code = 3


class AlreadyEnrolled(AgentError):
    """The home has an enrolment already."""

    exit_code = 4


class HomeUnusable(AgentError):
    """The home folder cannot be made, read or written."""

    exit_code = 5


class AlreadyRunning(AgentError):
    """Another agent holds this home."""

    exit_code = 6


class ServerUnreachable(AgentError):
    """Nothing usable answers at the server's address."""

    exit_code = 7


class NotAMusterServer(AgentError):
    """What answers does not speak as a Muster server does."""

    exit_code = 8


class WrongServerKey(AgentError):
    """The server did not prove that it holds the pinned key."""

    exit_code = 9


class EnrolmentRefused(AgentError):
    """The server said no."""

    exit_code = 10


class NotRunning(AgentError):
    """No agent runs in this home, or it has stopped writing its status."""

    exit_code = 11


class NotConnected(AgentError):
    """An agent runs in this home but is not connected."""

    exit_code = 12


class LinkError(AgentError):
    """The connection to the gateway did not come up or did not hold."""


class LinkLost(LinkError):
    """Not reached, timed out, or closed without a reason."""


class LinkSilent(LinkError):
    """The socket is open, but nothing comes through it."""


class LinkRefused(LinkError):
    """The gateway closed and said why.

    Attributes:
        code: a close code of `muster.wire.messages`.
        frame: boot and sequence of the frame that the server cannot store, where that is the reason.
    """

    def __init__(self, code: int, reason: str, frame: tuple[str, int] | None = None) -> None:
        super().__init__(reason or f"closed with code {code}")
        self.code = code
        self.frame = frame


class BadGateway(LinkError):
    """What answers does not hold the pinned key, or breaks the wire."""
