"""The target that this device has accepted, and the one that it served last, both durable.

Each is kept as it came, document and signature, and is verified again when it is read. The
second is what a restart in the middle of an update serves.
"""

import logging
from pathlib import Path

import msgspec

from agent.files import write_atomically
from agent.home import Home
from agent.serving.errors import ShelfFailed, TargetRefused
from muster.canon.signatures import NODE_TARGET, SignatureError, verify
from muster.wire.messages import Target
from muster.wire.targets import NodeTarget, Reason, read

log = logging.getLogger(__name__)


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
        self._node = node
        self._server_key = server_key
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
        self._accepted = self._read(self._accepted_path)
        self._served = self._read(self._served_path)

    def check(self, message: Target) -> NodeTarget | None:
        """Return the target of a message, None where it is the accepted one once more.

        Raises:
            TargetRefused: forged, unreadable, somebody else's, or older than the accepted one.
        """
        target = self._verified(message)
        if self._accepted is None or target.generation > self._accepted[1].generation:
            return target
        if message.document == self._accepted[0].document:
            return None
        told = "older than" if target.generation < self._accepted[1].generation else "another of the same generation as"
        raise TargetRefused(
            Reason.OLDER, f"target {_name(target)} is {told} the accepted {_name(self._accepted[1])}; it was not taken"
        )

    def accept(self, message: Target, target: NodeTarget) -> None:
        """Make a checked target the accepted one; blocks on the disk.

        Raises:
            ShelfFailed: it could not be kept, so it is not accepted.
        """
        self._write(self._accepted_path, message)
        self._accepted = (message, target)

    def note_served(self, target: NodeTarget) -> None:
        """Remember that the accepted target now serves; blocks on the disk.

        Raises:
            ShelfFailed: it could not be kept; a restart then begins from what was served before.
        """
        if self._accepted is not None and self._accepted[1] == target and self._served != self._accepted:
            self._served = self._accepted
            self._write(self._served_path, self._accepted[0])

    def _verified(self, message: Target) -> NodeTarget:
        try:
            verify(self._server_key, NODE_TARGET, message.document, message.signature)
        except SignatureError as error:
            raise TargetRefused(Reason.BAD_SIGNATURE, f"a target came that the server did not sign: {error}") from error
        try:
            target = read(message.document)
        except ValueError as error:
            raise TargetRefused(Reason.MALFORMED, f"a target came that this agent cannot read: {error}") from error
        if target.node != self._node:
            raise TargetRefused(Reason.MALFORMED, f"a target came that is for the node {target.node}")
        keys = [shard.key for shard in target.shards]
        if len(set(keys)) != len(keys):
            raise TargetRefused(Reason.MALFORMED, "a target came that names one shard twice")
        return target

    def _read(self, path: Path) -> tuple[Target, NodeTarget] | None:
        try:
            message = msgspec.msgpack.decode(path.read_bytes(), type=Target)
            return message, self._verified(message)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, TargetRefused) as error:
            log.error("%s is not used: %s", path, error)  # noqa: TRY400
            return None

    def _write(self, path: Path, message: Target) -> None:
        try:
            write_atomically(path, msgspec.msgpack.encode(message))
        except OSError as error:
            raise ShelfFailed(Reason.DISK_FULL, f"{path.name} cannot be written: {error.strerror or error}") from error


def _name(target: NodeTarget) -> str:
    return f"{target.generation[0]}.{target.generation[1]}"
