"""What to do next, from how things are: pure, and the same answer however they became so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from muster.wire.targets import Generation, NodeTarget, Shard


@dataclass(frozen=True)
class Fetch:
    """Bring an artifact of a target to the shelf."""

    generation: Generation
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Load:
    """Stage, probe and switch to a target's shards."""

    generation: Generation


@dataclass(frozen=True)
class Rest:
    """End the worker: the target has no shards for this node."""

    generation: Generation


Action = Fetch | Load | Rest


def candidates(
    wanted: NodeTarget | None,
    served: NodeTarget | None,
    live: NodeTarget | None,
    is_broken: bool,
    holds: Callable[[Shard], bool],
) -> Iterator[Action]:
    """Return what there is to do, the most urgent first.

    Mending what serves comes before everything, then the accepted target where all its files
    are here, then what served before a restart, then what is missing.

    Args:
        wanted: the accepted target.
        served: the target that served last.
        live: the target whose shards the worker runs.
        is_broken: whether a live tensor is not what it should be.
        holds: whether a shard's file is on the shelf.
    """
    if live is not None and is_broken and all(map(holds, live.shards)):
        yield Load(live.generation)
    if wanted is None:
        return
    if not wanted.shards:
        if live is None or live.generation != wanted.generation:
            yield Rest(wanted.generation)
        return
    is_new = live is None or live.generation != wanted.generation
    if is_new and all(map(holds, wanted.shards)):
        yield Load(wanted.generation)
    is_other = served is not None and served.generation != wanted.generation
    if live is None and served is not None and is_other and served.shards and all(map(holds, served.shards)):
        yield Load(served.generation)
    named: set[str] = set()
    for shard in wanted.shards:
        if shard.artifact_sha256 not in named and not holds(shard):
            yield Fetch(wanted.generation, shard.artifact_sha256, shard.size_bytes)
        named.add(shard.artifact_sha256)
