"""Public identifiers: UUID version 7 (RFC 9562, section 5.7)."""

import uuid

import uuid6


def uuid7() -> uuid.UUID:
    """Return a new time-ordered identifier as a standard `uuid.UUID`."""
    return uuid.UUID(int=uuid6.uuid7().int)
