"""Which workloads there are: the included ones and those of other packages' entry points.

A package offers a workload by an entry point of the group `muster.workloads`, whose name is
the workload's and whose value is a module attribute that is a `Workload`. A package that is
broken is named in `problems` and takes nothing away from the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from muster.workloads.declaration import Workload

GROUP = "muster.workloads"

INCLUDED = ("digits", "eldercare")  # each a package beside this module with an attribute WORKLOAD


class UnknownWorkload(LookupError):
    """There is no workload of that name, or it could not be loaded; the message says which."""


@dataclass(frozen=True)
class _Found:
    """What one look at the environment found."""

    workloads: dict[str, Workload] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def refuse(self, name: str, reason: str) -> None:
        before = self.problems.get(name)
        self.problems[name] = f"{before}; {reason}" if before else reason


def names() -> list[str]:
    """Return the names of all workloads that can be used, sorted."""
    return sorted(_found().workloads)


def get(name: str) -> Workload:
    """Return a workload; UnknownWorkload if there is none of that name."""
    found = _found()
    if name in found.workloads:
        return found.workloads[name]
    if name in found.problems:
        raise UnknownWorkload(f"the workload {name!r} could not be loaded: {found.problems[name]}")
    raise UnknownWorkload(f"there is no workload {name!r}; there are {', '.join(names())}")


def problems() -> dict[str, str]:
    """Return entry point name → why it could not be loaded."""
    return dict(_found().problems)


@cache
def _found() -> _Found:
    """Look once a process: a package that is installed later is found by the next one."""
    return _search(entry_points(group=GROUP))


def _search(points: Iterable[EntryPoint]) -> _Found:
    """Load the included workloads, then the given entry points in order of their packages."""
    found = _Found({name: import_module(f"muster.workloads.{name}").WORKLOAD for name in INCLUDED})
    for point in sorted(points, key=lambda point: (_package(point), point.name, point.value)):
        try:
            workload = _load(point)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything
            found.refuse(point.name, f"{_package(point)}: {type(error).__name__}: {error}")
            continue
        if point.name in found.workloads:
            found.refuse(point.name, f"{_package(point)}: the name is taken")
        else:
            found.workloads[point.name] = workload
    return found


def _load(point: EntryPoint) -> Workload:
    workload = point.load()
    if not isinstance(workload, Workload):
        raise TypeError(f"{point.value} is a {type(workload).__name__}, not a Workload")
    if workload.name != point.name:
        raise ValueError(f"the workload calls itself {workload.name!r}")
    return workload


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module
