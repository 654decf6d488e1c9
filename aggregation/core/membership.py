"""Which nodes may take part in a round."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from muster.shards.memory import RUNTIME_BYTES
from muster.wire.work import MAX_TASKS

# Base, weights that are trained, gradients and momentum lie in memory together.
COPIES = 4
# In percent of a node's memory; the rest is for its system, for the agent and for the shards that it serves.
MEMORY_LIMIT_PERCENT = 80


@dataclass(frozen=True)
class Candidate:
    """An active node where a job looks for members.

    Attributes:
        node: its key.
        uid: as text, by which members are sorted.
        online: whether its lease runs.
        memory_bytes: None where it is not known.
        tasks: open rounds that it takes part in already.
    """

    node: int
    uid: str
    online: bool
    memory_bytes: int | None
    tasks: int = 0


@dataclass(frozen=True)
class Place:
    """A member to be, and its place among all candidates."""

    node: int
    index: int


def places(candidates: Iterable[Candidate], *, model_bytes: int) -> tuple[list[Place], int]:
    """Return who takes part, and how many might: among those each keeps its place while others come and go.

    Args:
        model_bytes: of the weights that a member trains.
    """
    able = sorted((one for one in candidates if _fits(one, model_bytes)), key=lambda one: one.uid)
    present = [Place(one.node, index) for index, one in enumerate(able) if one.online and one.tasks < MAX_TASKS]
    return present, len(able)


def _fits(candidate: Candidate, model_bytes: int) -> bool:
    if candidate.memory_bytes is None:
        return True
    return RUNTIME_BYTES + COPIES * model_bytes <= candidate.memory_bytes * MEMORY_LIMIT_PERCENT // 100


def short(present: Sequence[Place], might: int, quorum: int) -> str:
    """Return in words how far the members fall short of the quorum; empty where they do not."""
    if len(present) >= quorum:
        return ""
    return f"{len(present)} of {might} nodes that might take part are online and free; the quorum is {quorum}"
