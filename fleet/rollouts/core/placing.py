"""Where the components of a model shall run, and why they may not run there.

A wish names some components; the others keep their place. What stands against it is
data: each `Refusal` has a code, a subject and figures, and faces put it into words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from muster.shards.memory import RUNTIME_BYTES
from muster.wire.targets import MAX_SHARDS
from muster.workloads.declaration import TIERS, Workload

MIB = 1 << 20
# While a node switches, what served before stays resident until the new shards have proved themselves.
RESIDENT_COPIES = 2
# In percent of a node's memory; the rest is for its system and for the agent itself.
MEMORY_LIMIT_PERCENT = 90


class Code(StrEnum):
    """Why a placement is refused."""

    UNKNOWN_COMPONENT = "unknown_component"
    UNKNOWN_TIER = "unknown_tier"
    NO_NODE = "no_node"
    MEMORY_SHORT = "memory_short"
    TOO_MANY_SHARDS = "too_many_shards"
    RAW_INPUT_LEAVES = "raw_input_leaves"
    NOT_PUBLISHED = "not_published"


# A wish that names what does not exist is wrong in itself; every other refusal comes from how things are now.
MALFORMED = frozenset({Code.UNKNOWN_COMPONENT, Code.UNKNOWN_TIER})


@dataclass(frozen=True)
class Refusal:
    """One thing that stands against a placement.

    Attributes:
        subject: the component, or the tier where a whole tier is concerned.
        facts: what a sentence about it needs, by name.
    """

    code: Code
    subject: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Seat:
    """Where a component runs, and in which variant."""

    tier: str
    variant: str


@dataclass(frozen=True)
class Capacity:
    """The nodes of one tier that a plan is compiled for.

    Attributes:
        nodes: how many are active.
        smallest: name of the one with the least memory, empty where no memory is known.
        memory_bytes: of the smallest; 0 where it is not known.
    """

    nodes: int
    smallest: str = ""
    memory_bytes: int = 0


def complete(wish: Mapping[str, str], current: Mapping[str, str], default: Mapping[str, str]) -> dict[str, str]:
    """Return component → tier for every component of `default`: as wished, else as now, else as declared.

    >>> complete({"vision": "edge"}, {"text": "cloud"}, {"vision": "terminal", "text": "edge", "fusion": "cloud"})
    {'vision': 'edge', 'text': 'cloud', 'fusion': 'cloud'}
    """
    return {name: wish.get(name) or current.get(name) or tier for name, tier in default.items()}


def unknown(wish: Mapping[str, str], components: Iterable[str]) -> list[Refusal]:
    """Return what the wish names and does not exist."""
    known = list(components)
    refusals = [
        Refusal(Code.UNKNOWN_COMPONENT, name, {"known": ", ".join(known)}) for name in wish if name not in known
    ]
    return refusals + [
        Refusal(Code.UNKNOWN_TIER, name, {"tier": tier}) for name, tier in wish.items() if tier not in TIERS
    ]


def seats(
    workload: Workload, tiers: Mapping[str, str], published: Mapping[str, Mapping[str, bool]]
) -> tuple[dict[str, Seat], list[Refusal]]:
    """Choose a variant for each placed component: the tier's first choice where it was published, else the reference.

    Args:
        tiers: component → tier.
        published: component → variant → whether it is the reference.
    """
    chosen: dict[str, Seat] = {}
    refusals = []
    for name, tier in tiers.items():
        variants = published.get(name, {})
        wanted = workload.component(name).variant_for(tier).name
        reference = next((variant for variant, is_reference in variants.items() if is_reference), None)
        variant = wanted if wanted in variants else reference
        if variant is None:
            refusals.append(Refusal(Code.NOT_PUBLISHED, name, {"variant": wanted}))
        else:
            chosen[name] = Seat(tier, variant)
    return chosen, refusals


def leaving(workload: Workload, tiers: Mapping[str, str]) -> list[Refusal]:
    """Return the raw inputs that would be sent to another tier although they may not."""
    return [
        Refusal(Code.RAW_INPUT_LEAVES, name, {"input": raw.tensor.name, "home": raw.home, "tier": tier})
        for name, tier in tiers.items()
        for raw in workload.raw_inputs(workload.component(name))
        if tier != raw.home and not raw.may_leave
    ]


def without_nodes(tiers: Mapping[str, str], capacities: Mapping[str, Capacity]) -> list[Refusal]:
    """Return the tiers that are asked for and have no active node."""
    used = sorted(set(tiers.values()), key=TIERS.index)
    return [
        Refusal(Code.NO_NODE, tier, {"components": ", ".join(name for name, place in tiers.items() if place == tier)})
        for tier in used
        if not (tier in capacities and capacities[tier].nodes)
    ]


def needed_bytes(sizes: Iterable[int]) -> int:
    """Return the memory that shards of these sizes take, all models together.

    The runtime of the shard process and twice the weights of everything the node would hold,
    because old and new are resident together while it switches.

    >>> needed_bytes([100 * MIB, 50 * MIB]) // MIB
    748
    """
    total = sum(sizes)
    return RUNTIME_BYTES + RESIDENT_COPIES * total if total else 0


def too_large(held: Mapping[str, Sequence[int]], capacities: Mapping[str, Capacity]) -> list[Refusal]:
    """Return the tiers whose smallest node has not the memory, or whose nodes would hold more shards than one takes.

    Args:
        held: tier → the size in bytes of every shard that its nodes would hold, of all models.
    """
    refusals = []
    for tier, sizes in held.items():
        capacity = capacities.get(tier, Capacity(0))
        if len(sizes) > MAX_SHARDS:
            refusals.append(Refusal(Code.TOO_MANY_SHARDS, tier, {"shards": len(sizes), "most": MAX_SHARDS}))
        usable = capacity.memory_bytes * MEMORY_LIMIT_PERCENT // 100
        needed = needed_bytes(sizes)
        if capacity.nodes and capacity.memory_bytes and needed > usable:
            figures = {"needed_bytes": needed, "usable_bytes": usable, "memory_bytes": capacity.memory_bytes}
            refusals.append(Refusal(Code.MEMORY_SHORT, tier, {"node": capacity.smallest, **figures}))
    return refusals
