"""A strategy is found by its name and says what a round needs to know; it owns no loop."""

import numpy as np
import pytest

from aggregation.core import strategies
from aggregation.core.strategies import UnknownStrategy
from muster.wire.work import JobKind, UpdateKind


def test_averaging_comes_first() -> None:
    assert strategies.names()[0] == "fedavg"


def test_a_name_that_there_is_none_of_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownStrategy, match="fedavg"):
        strategies.get("fedsgd")


@pytest.mark.parametrize("name", strategies.names())
def test_every_strategy_is_whole(name: str) -> None:
    strategy = strategies.get(name)
    assert strategy.name == name
    assert strategy.title
    assert strategy.description
    assert strategy.kinds <= set(JobKind)
    assert strategy.kinds
    assert len({phase.name for phase in strategy.phases}) == len(strategy.phases) > 0
    assert all(strategy.accepts(phase.update_kind) for phase in strategy.phases)
    weights = strategy.weights({"vision": 3, "text": 0})
    assert weights.keys() == {"vision", "text"}
    assert all(type(weight) is int and weight >= 0 for weight in weights.values())
    combined = strategy.combine(np.array([1.0, 2.0]), np.zeros(2))
    assert combined.shape == (2,)
    assert combined.dtype == np.float64


def test_averaging_has_one_phase_of_plain_updates_weighted_by_samples() -> None:
    fedavg = strategies.get("fedavg")
    assert [(phase.name, phase.update_kind) for phase in fedavg.phases] == [("train", UpdateKind.PLAIN)]
    assert fedavg.accepts(UpdateKind.PLAIN)
    assert not fedavg.accepts(UpdateKind.MASKED)
    assert fedavg.weights({"vision": 5, "text": 2}) == {"vision": 5, "text": 2}
    assert fedavg.combine(np.array([1.0]), np.array([0.5])).tolist() == [1.5]
    assert fedavg.kinds == {JobKind.HORIZONTAL}
