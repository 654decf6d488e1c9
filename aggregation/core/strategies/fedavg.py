"""Federated averaging: every tensor moves by the mean of the differences, weighted by the samples behind them.

McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data", Algorithm 1;
per component here, so that who lacks a modality neither moves its encoder nor weighs on it.
"""

from collections.abc import Mapping

from aggregation.core.strategies import PhaseDeclared, Strategy
from muster.wire.work import JobKind, UpdateKind


def by_samples(samples: Mapping[str, int]) -> dict[str, int]:
    """Return the samples themselves.

    >>> by_samples({"vision": 120, "head": 140})
    {'vision': 120, 'head': 140}
    """
    return dict(samples)


STRATEGY = Strategy(
    name="fedavg",
    title="Federated averaging",
    description="Each member trains on its own data; every tensor takes the mean of their changes, by their samples.",
    kinds=frozenset({JobKind.HORIZONTAL}),
    phases=(PhaseDeclared("train", UpdateKind.PLAIN),),
    weights=by_samples,
)
