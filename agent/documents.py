"""What the server signs for this device: verified, read, and kept on disk as it came.

Document and signature are kept together and verified again when they are read back.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from agent.faults import DocumentRefused, ShelfFailed
from agent.files import write_atomically
from muster.canon.signatures import Signature, SignatureError, verify
from muster.wire.targets import Reason

log = logging.getLogger(__name__)


class Carrier(Protocol):
    """A message with a signed document in it."""

    document: bytes
    signature: Signature


class Addressed(Protocol):
    """A document that names the node that it is for."""

    @property
    def node(self) -> str: ...


M = TypeVar("M", bound=Carrier)
D = TypeVar("D", bound=Addressed)


@dataclass(frozen=True)
class Documents(Generic[M, D]):
    """One kind of documents for one device.

    Attributes:
        name: what people call it: "a target", "work".
        kind: the message that carries it.
        context: the purpose that it is signed for.
        parse: returns the document of its bytes, ValueError where they are none.
        node: this device's UUID, which it must name.
        server_key: raw key that it must be signed by.
    """

    name: str
    kind: type[M]
    context: str
    parse: Callable[[bytes], D]
    node: str
    server_key: bytes

    def verified(self, message: M) -> D:
        """Return the document of a message.

        Raises:
            DocumentRefused: forged, unreadable, or somebody else's.
        """
        try:
            verify(self.server_key, self.context, message.document, message.signature)
        except SignatureError as error:
            raise DocumentRefused(
                Reason.BAD_SIGNATURE, f"{self.name} came that the server did not sign: {error}"
            ) from error
        try:
            document = self.parse(message.document)
        except ValueError as error:
            raise DocumentRefused(Reason.MALFORMED, f"{self.name} came that this agent cannot read: {error}") from error
        if document.node != self.node:
            raise DocumentRefused(Reason.MALFORMED, f"{self.name} came that is for the node {document.node}")
        return document

    def load(self, path: Path) -> tuple[M, D] | None:
        """Return what is kept; what is damaged or forged counts as none, and the log says so."""
        try:
            message = msgspec.msgpack.decode(path.read_bytes(), type=self.kind)
            return message, self.verified(message)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, DocumentRefused) as error:
            log.error("%s is not used: %s", path, error)  # noqa: TRY400
            return None

    def keep(self, path: Path, message: M) -> None:
        """Keep a message; blocks on the disk.

        Raises:
            ShelfFailed: it could not be kept.
        """
        try:
            write_atomically(path, msgspec.msgpack.encode(message))
        except OSError as error:
            raise ShelfFailed(Reason.DISK_FULL, f"{path.name} cannot be written: {error.strerror or error}") from error
