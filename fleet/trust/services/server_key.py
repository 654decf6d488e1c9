"""Makes the server's identity key, once."""

import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.trust.selectors.server_key import ServerKeyError, load, path, pin

__all__ = ["ServerKeyError", "ensure", "load", "pin"]


def ensure() -> Path:
    """Make the key unless there is one, and return its path.

    The file appears whole or not at all; of two processes that make one, the first wins.
    """
    file = path()
    if file.exists():
        return file
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".server-")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(_pem(Ed25519PrivateKey.generate()))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return file
    finally:
        Path(draft).unlink()
    return file


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
