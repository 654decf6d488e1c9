"""What a node may be called."""

import re
from collections.abc import Iterator

MAX_LENGTH = 63  # one label of a host name

# Letters and digits of any script; between them also spaces, dots, hyphens and underscores.
_NAME = re.compile(r"[^\W_](?:[\w .-]{0,61}[^\W_])?")
_NOT_A_NAME = re.compile(r"[^\w.-]+")
FALLBACK = "device"
SUFFIX_ROOM = 8  # a hyphen and a number of seven digits: more nodes than one site can have


def is_name(text: str) -> bool:
    """Say whether a node may be called `text`.

    >>> is_name("press-7"), is_name("压机 7"), is_name("-x"), is_name("a\\nb")
    (True, True, False, False)
    """
    return _NAME.fullmatch(text) is not None


def from_host(hostname: str) -> str:
    """Return a name made of a host name, whatever it holds.

    >>> from_host("pi.local"), from_host("my host!"), from_host("()")
    ('pi.local', 'my-host', 'device')
    """
    name = _NOT_A_NAME.sub("-", hostname)[:MAX_LENGTH].strip("-._")
    return name if is_name(name) else FALLBACK


def candidates(name: str) -> Iterator[str]:
    """Return `name`, then `name-2`, `name-3` and so on, each short enough."""
    yield name
    number = 2
    while True:
        suffix = f"-{number}"
        yield name[: MAX_LENGTH - len(suffix)] + suffix
        number += 1
