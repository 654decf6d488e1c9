"""Which sequence of each boot the server has stored, as a small file beside the segments."""

from pathlib import Path

import msgspec

_Acks = dict[str, int]


def path_in(folder: Path) -> Path:
    """Return the file's path."""
    return folder / "acked.json"


def load(folder: Path) -> _Acks:
    """Return the positions; none when the file is missing or damaged.

    Losing them only means that stored frames are sent again, and the server drops those.
    """
    try:
        return msgspec.json.decode(path_in(folder).read_bytes(), type=_Acks)
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def encode(acks: _Acks) -> bytes:
    """Return the file's bytes."""
    return msgspec.json.encode(acks)
