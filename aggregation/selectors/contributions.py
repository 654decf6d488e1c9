"""Reads what of a trained version came from whom."""

from dataclasses import dataclass

from aggregation.models import Contribution, Round
from fleet.registry.models import ModelVersion, Node
from fleet.trust.access import Person, visible

MOST_SHOWN = 100  # of the largest; the round's page has every member


@dataclass(frozen=True)
class Share:
    """A node's part: the samples that its tensors were weighted by, and their share of all nodes' samples."""

    node: Node
    samples: list[tuple[str, int]]
    total: int
    percent: float


@dataclass(frozen=True)
class Origin:
    """How a trained version came to be.

    Attributes:
        shares: the largest contributions first, of nodes that the person sees.
        nodes: how many contributed.
    """

    round: Round
    shares: list[Share]
    nodes: int
    samples: int


def origin(user: Person, version: ModelVersion) -> Origin | None:
    """Return the round and the nodes that a version came from; None where nobody trained it."""
    rounds = Round.objects.select_related("job", "base_version")
    found = visible(rounds, user).filter(result_version=version).first()
    if found is None:
        return None
    order = {part.name: part.position for part in version.components.all()}
    rows = visible(Contribution.objects.filter(version=version), user).select_related("node__site")
    totals = sorted(((sum(row.samples.values()), row) for row in rows), key=lambda one: (-one[0], one[1].node.name))
    whole = sum(total for total, _row in totals)
    shares = [
        Share(row.node, _ordered(row.samples, order), total, round(100 * total / (whole or 1), 2))
        for total, row in totals[:MOST_SHOWN]
    ]
    return Origin(found, shares, len(totals), whole)


def _ordered(samples: dict[str, int], order: dict[str, int]) -> list[tuple[str, int]]:
    """Return samples in the model's order of components; the database keeps none."""
    return sorted(samples.items(), key=lambda found: (order.get(found[0], len(order)), found[0]))
