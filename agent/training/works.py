"""The work that this device has accepted, durable: kept as it came, and verified again when it is read."""

from agent.documents import Documents
from agent.faults import DocumentRefused
from agent.home import Home
from muster.canon.signatures import NODE_WORK
from muster.wire.messages import Work
from muster.wire.targets import Reason
from muster.wire.work import NodeWork, read


class Works:
    """Verifies work and keeps the newest."""

    def __init__(self, home: Home, node: str, server_key: bytes) -> None:
        """Prepare; `load` reads what is on disk."""
        self._path = home.work
        self._documents = Documents("work", Work, NODE_WORK, _read, node, server_key)
        self._accepted: tuple[Work, NodeWork] | None = None

    @property
    def accepted(self) -> NodeWork | None:
        """What this device shall train."""
        return self._accepted[1] if self._accepted else None

    def load(self) -> None:
        """Read what was accepted; what is damaged or forged counts as none, and the log says so."""
        self._accepted = self._documents.load(self._path)

    def check(self, message: Work) -> NodeWork | None:
        """Return the work of a message, None where it is the accepted one once more.

        Raises:
            DocumentRefused: forged, unreadable, somebody else's, or older than the accepted one.
        """
        work = self._documents.verified(message)
        if self._accepted is None or work.counter > self._accepted[1].counter:
            return work
        if message.document == self._accepted[0].document:
            return None
        raise DocumentRefused(
            Reason.OLDER, f"work {work.counter} is not newer than the accepted {self._accepted[1].counter}"
        )

    def accept(self, message: Work, work: NodeWork) -> None:
        """Make checked work the accepted one; blocks on the disk.

        Raises:
            ShelfFailed: it could not be kept, so it is not accepted.
        """
        self._documents.keep(self._path, message)
        self._accepted = (message, work)


def _read(document: bytes) -> NodeWork:
    work = read(document)
    tasks = [task.task for task in work.tasks]
    if len(set(tasks)) != len(tasks):
        raise ValueError("it names one task twice")
    return work
