"""What is new in a node's report, held against the one before: a trouble is told when it begins, not while it lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from muster.wire.targets import Generation, Reason, ReportState

UNNAMED = 0  # stands for a shard that the node did not name; no artifact has this key

CORRUPT_REASONS = frozenset({Reason.DISK_CORRUPT, Reason.DOWNLOAD_CORRUPT})


class Edge(StrEnum):
    """What the audit trail calls it."""

    MISMATCH = "shard.mismatch"  # tensors in memory are not the published ones
    CORRUPT = "shard.corrupt"  # a file is not what its name says
    FAILED = "target.failed"
    ACTIVE = "target.active"  # a generation runs that never ran here before


@dataclass(frozen=True)
class Claim:
    """What matters of one report.

    Attributes:
        mismatched: keys of shards whose live weights are other ones.
        corrupt: keys of shards whose file is damaged.
        active: the newest generation that was ever reported as active.
    """

    accepted: Generation | None
    state: ReportState
    reason: Reason
    mismatched: frozenset[int] = frozenset()
    corrupt: frozenset[int] = frozenset()
    active: Generation | None = None

    @property
    def failure(self) -> tuple[Generation | None, Reason] | None:
        """Which target failed for which reason; None where none did."""
        return (self.accepted, self.reason) if self.state is ReportState.FAILED else None


@dataclass(frozen=True)
class Found:
    """One edge, and the shards that it is about."""

    edge: Edge
    keys: tuple[int, ...] = ()


def mismatched(
    running: Mapping[int, str], published: Mapping[int, str], reason: Reason, marked: frozenset[int]
) -> frozenset[int]:
    """Return the keys of shards that run with other weights than were published.

    Args:
        running: key → weights_sha256 of the live tensors.
        published: key → weights_sha256 of the artifact; a key without an artifact proves nothing.
        reason, marked: what the node says itself, and the shards that it calls corrupt.
    """
    wrong = {key for key, weights in running.items() if published.get(key, weights) != weights}
    if reason is Reason.LIVE_MISMATCH:
        wrong |= marked
        if not wrong:
            wrong.add(UNNAMED)
    return frozenset(wrong)


def corrupt(reason: Reason, marked: frozenset[int]) -> frozenset[int]:
    """Return the keys of shards whose file is damaged, as the node says."""
    if reason not in CORRUPT_REASONS:
        return frozenset()
    return marked or frozenset({UNNAMED})


def edges(before: Claim | None, after: Claim) -> list[Found]:
    """Return what `after` says that `before` did not; a report that repeats itself gives nothing."""
    found = [
        Found(edge, tuple(sorted(keys)))
        for edge, keys in (
            (Edge.MISMATCH, _begun(before.mismatched if before else frozenset(), after.mismatched)),
            (Edge.CORRUPT, _begun(before.corrupt if before else frozenset(), after.corrupt)),
        )
        if keys
    ]
    if after.failure is not None and (before is None or before.failure != after.failure):
        found.append(Found(Edge.FAILED))
    known = before.active if before else None
    if after.active is not None and (known is None or after.active > known):
        found.append(Found(Edge.ACTIVE))
    return found


def _begun(before: frozenset[int], after: frozenset[int]) -> frozenset[int]:
    """Return what began; a trouble whose shard is no longer named is still the same one."""
    return (after - before) - ({UNNAMED} if before else set())
