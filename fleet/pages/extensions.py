"""What apps above the fleet add to its pages: filled in their `ready()`, asked by the overview and the palette."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise

from fleet.trust.models import User


@dataclass(frozen=True)
class Change:
    """Something that is under way: the template that shows it, which is given the rest as `change`."""

    template: str
    rows: list[object]


@dataclass(frozen=True)
class Found:
    """What the palette offers."""

    label: str
    detail: str | Promise
    href: str
    icon: str


@dataclass(frozen=True)
class Group:
    """What the palette offers under one heading; `name` is unique on the page."""

    name: str
    label: str | Promise
    options: list[Found]


changes: dict[str, Callable[[User], Change]] = {}
groups: dict[str, Callable[[User, str, int], Group]] = {}  # who asks, what was typed, how many at most
actions: dict[str, Callable[[User], list[tuple[str, str, str]]]] = {}  # label, address, icon
