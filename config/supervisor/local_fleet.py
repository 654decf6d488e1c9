"""The local fleet: devices that `manage.py up` runs as processes on this machine.

Seven by default: two plants with two terminals and an edge node each, where one
of the terminals is a vehicle that roams and is at home in plant b, and a cloud
node at the root. More than seven continue with further plants.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from string import ascii_lowercase

ROOT_SITE = "local"


@dataclass(frozen=True)
class Member:
    """A device: its name, its site's path, its tier and what kind of thing it plays."""

    name: str
    site: str
    tier: str
    device_type: str


def members(number: int) -> list[Member]:
    """Return the first `number` devices of the pattern.

    >>> [member.name for member in members(8)][3:]
    ['plant-b-term-1', 'rover-1', 'plant-b-edge-1', 'cloud-1', 'plant-c-term-1']
    """
    return list(islice(_pattern(), number))


def _pattern() -> Iterator[Member]:
    yield from _plant("a")
    yield from _plant("b", roaming="rover-1")
    yield Member("cloud-1", ROOT_SITE, "cloud", "server")
    for index in count(2):
        yield from _plant(_letters(index))


def _plant(letters: str, *, roaming: str | None = None) -> Iterator[Member]:
    site = f"{ROOT_SITE}/plant-{letters}"
    yield Member(f"plant-{letters}-term-1", site, "terminal", "camera")
    if roaming is None:
        yield Member(f"plant-{letters}-term-2", site, "terminal", "camera")
    else:
        yield Member(roaming, site, "terminal", "vehicle")
    yield Member(f"plant-{letters}-edge-1", site, "edge", "gateway")


def _letters(index: int) -> str:
    """Return a, b, … z, aa, ab, … for 0, 1, …

    >>> _letters(2), _letters(25), _letters(26), _letters(53)
    ('c', 'z', 'aa', 'bb')
    """
    prefix = "" if index < len(ascii_lowercase) else _letters(index // len(ascii_lowercase) - 1)
    return prefix + ascii_lowercase[index % len(ascii_lowercase)]
