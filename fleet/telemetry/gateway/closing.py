"""Why a socket ends."""

import psycopg


class Closing(Exception):
    """The socket must close, with a code of `muster.wire.messages` and a reason for the Bye.

    Attributes:
        frame: boot and sequence of the frame that is the cause, where one is.
    """

    def __init__(self, code: int, reason: str, frame: tuple[str, int] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.frame = frame


class Disconnected(Exception):
    """The other end has already gone."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


# What a database that is away, restarting, full or overloaded raises; it passes, so it is tried again.
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
