"""The target that this device has accepted, and the one that it served last, both durable.

Each is kept as it came, document and signature, and is verified again when it is read. The
second is what a restart in the middle of an update serves.
"""

from agent.documents import Documents
from agent.faults import DocumentRefused
from agent.home import Home
from muster.canon.signatures import NODE_TARGET
from muster.wire.messages import Target
from muster.wire.targets import NodeTarget, Reason, read


class Targets:
    """Verifies targets and keeps the newest."""

    def __init__(self, home: Home, node: str, server_key: bytes) -> None:
        """Prepare; `load` reads what is on disk.

        Args:
            node: this device's UUID, which a target must name.
            server_key: raw key that every target must be signed by.
        """
        self._accepted_path = home.target
        self._served_path = home.served_target
        self._documents = Documents("a target", Target, NODE_TARGET, _read, node, server_key)
        self._accepted: tuple[Target, NodeTarget] | None = None
        self._served: tuple[Target, NodeTarget] | None = None

    @property
    def accepted(self) -> NodeTarget | None:
        """What this device shall run."""
        return self._accepted[1] if self._accepted else None

    @property
    def served(self) -> NodeTarget | None:
        """What it ran last."""
        return self._served[1] if self._served else None

    def load(self) -> None:
        """Read both targets; one that is damaged or forged counts as none, and the log says so."""
        self._accepted = self._documents.load(self._accepted_path)
        self._served = self._documents.load(self._served_path)

    def check(self, message: Target) -> NodeTarget | None:
        """Return the target of a message, None where it is the accepted one once more.

        Raises:
            DocumentRefused: forged, unreadable, somebody else's, or older than the accepted one.
        """
        target = self._documents.verified(message)
        if self._accepted is None or target.generation > self._accepted[1].generation:
            return target
        if message.document == self._accepted[0].document:
            return None
        told = "older than" if target.generation < self._accepted[1].generation else "another of the same generation as"
        raise DocumentRefused(
            Reason.OLDER, f"target {_name(target)} is {told} the accepted {_name(self._accepted[1])}; it was not taken"
        )

    def accept(self, message: Target, target: NodeTarget) -> None:
        """Make a checked target the accepted one; blocks on the disk.

        Raises:
            ShelfFailed: it could not be kept, so it is not accepted.
        """
        self._documents.keep(self._accepted_path, message)
        self._accepted = (message, target)

    def note_served(self, target: NodeTarget) -> None:
        """Remember that the accepted target now serves; blocks on the disk.

        Raises:
            ShelfFailed: it could not be kept; a restart then begins from what was served before.
        """
        if self._accepted is not None and self._accepted[1] == target and self._served != self._accepted:
            self._served = self._accepted
            self._documents.keep(self._served_path, self._accepted[0])


def _read(document: bytes) -> NodeTarget:
    target = read(document)
    keys = [shard.key for shard in target.shards]
    if len(set(keys)) != len(keys):
        raise ValueError("it names one shard twice")
    return target


def _name(target: NodeTarget) -> str:
    return f"{target.generation[0]}.{target.generation[1]}"
