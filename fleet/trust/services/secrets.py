"""Makes tokens that are shown once and kept only as their SHA-256.

A token carries 160 random bits, so its plain hash cannot be reversed by guessing
and looking it up by an index tells an attacker nothing by its timing.
"""

import base64
import hashlib
import secrets

SECRET_BYTES = 20  # 160 bits: 32 base32 characters without padding
HINT_LENGTH = 8  # the prefix and the first four characters, to tell tokens apart


def new(prefix: str) -> str:
    """Return a fresh secret: the prefix, and lower-case base32 that survives any shell and any QR reader."""
    return prefix + base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode().lower()


def digest(secret: str) -> bytes:
    """Return what is stored in place of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def hint(secret: str) -> str:
    """Return the part of a secret that pages may show."""
    return secret[:HINT_LENGTH]
