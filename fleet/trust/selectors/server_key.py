"""Reads the server's identity: one Ed25519 key, whose fingerprint every enrol command pins."""

import stat
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from muster.canon.signatures import fingerprint, public_bytes


class ServerKeyError(Exception):
    """The server's key is missing, unreadable or open to others; the message says the way out."""


def load() -> Ed25519PrivateKey:
    """Return the server's private key.

    Raises:
        ServerKeyError: it is not there, cannot be read, or others may read it.
    """
    return _read(path())


def pin() -> str:
    """Return the fingerprint that devices pin: `sha256:` and 64 hexadecimal digits."""
    return fingerprint(public_bytes(load()))


def path() -> Path:
    """Return where the key lives."""
    return Path(settings.MUSTER_DATA_DIR) / "keys" / "server.pem"


@lru_cache(maxsize=4)
def _read(file: Path) -> Ed25519PrivateKey:
    try:
        mode = file.stat().st_mode
        data = file.read_bytes()
    except OSError as error:
        raise ServerKeyError(f"{file}: {error.strerror}. Run `manage.py prepare`, which makes it.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ServerKeyError(f"{file} may be read by others. Run `chmod 600 {file}`.")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except ValueError as error:
        raise ServerKeyError(f"{file} holds no private key: restore it from a backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ServerKeyError(f"{file} holds a key of another kind than Ed25519: restore it from a backup.")
    return key
