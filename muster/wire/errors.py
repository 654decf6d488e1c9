"""What can be wrong with bytes from the other end.

WireError
├── MalformedMessage   not an envelope, an unknown type, or fields that do not fit
├── UnknownVersion     no minor version that both ends speak
└── UnexpectedMessage  a known message at the wrong moment
"""


class WireError(ValueError):
    """Bytes from the other end that cannot be used."""


class MalformedMessage(WireError):
    """Not an envelope, an unknown type, or fields that do not fit."""


class UnknownVersion(WireError):
    """The two ends share no minor version."""


class UnexpectedMessage(WireError):
    """A known message that the conversation does not allow now."""
