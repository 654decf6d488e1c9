"""What changes when one plan takes over from another."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Placed:
    """One component as a plan places it.

    Attributes:
        version: the version's number.
        size_bytes: of the artifact.
    """

    tier: str
    variant: str
    version: int
    artifact_sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Change:
    """One component before and after; None where a plan does not have it.

    Attributes:
        nodes: how many nodes will run it.
        fetch_bytes: what each of them will fetch; 0 where nodes of the tier hold those very bytes already.
    """

    component: str
    before: Placed | None
    after: Placed | None
    nodes: int
    fetch_bytes: int

    @property
    def differs(self) -> bool:
        """Whether anything is another: tier, variant, version or bytes."""
        return self.before != self.after

    @property
    def total_bytes(self) -> int:
        """What all nodes together will fetch."""
        return self.nodes * self.fetch_bytes


def changes(
    before: Mapping[str, Placed],
    after: Mapping[str, Placed],
    *,
    nodes: Mapping[str, int],
    held: Mapping[str, Collection[str]],
) -> list[Change]:
    """Return what becomes of every component, in the order of `after`; those that go stand last.

    Args:
        nodes: tier → active nodes.
        held: tier → artifact_sha256 of everything its nodes are to hold now, of all models.
    """
    kept = [_change(name, before.get(name), placed, nodes, held) for name, placed in after.items()]
    gone = [Change(name, placed, None, 0, 0) for name, placed in before.items() if name not in after]
    return kept + gone


def _change(
    name: str, before: Placed | None, after: Placed, nodes: Mapping[str, int], held: Mapping[str, Collection[str]]
) -> Change:
    there = after.artifact_sha256 in held.get(after.tier, ())
    return Change(name, before, after, nodes.get(after.tier, 0), 0 if there else after.size_bytes)
