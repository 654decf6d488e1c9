"""What to do next follows from how things are."""

from collections.abc import Collection

import pytest

from agent.serving.decide import Action, Fetch, Load, Rest, candidates
from muster.wire.targets import NodeTarget, PlacedModel, Probe, Shard
from tests.agent.serving.published import NOTHING, target


def shard(number: int) -> Shard:
    return Shard(number, "vision", "full", f"{number:064x}", NOTHING, 10, Probe("s", 1, [], 1))


def of(counter: int, *numbers: int) -> NodeTarget:
    model = PlacedModel("m", "v", 1, "digits", 1, NOTHING, NOTHING, [shard(number) for number in numbers])
    return target("node", counter, model)


def fetch(counter: int, number: int) -> Fetch:
    return Fetch((1, counter), f"{number:064x}", 10)


@pytest.mark.parametrize(
    ("wanted", "served", "live", "is_broken", "held", "expected"),
    [
        (None, None, None, False, (), []),
        (of(1, 1, 2), None, None, False, (), [fetch(1, 1), fetch(1, 2)]),
        (of(1, 1, 2), None, None, False, (2,), [fetch(1, 1)]),
        (of(1, 1, 1), None, None, False, (), [fetch(1, 1)]),
        (of(1, 1), None, None, False, (1,), [Load((1, 1))]),
        (of(1, 1), of(1, 1), of(1, 1), False, (1,), []),
        (of(1, 1), of(1, 1), of(1, 1), False, (), [fetch(1, 1)]),
        (of(1, 1), of(1, 1), of(1, 1), True, (1,), [Load((1, 1))]),
        (of(1, 1), of(1, 1), of(1, 1), True, (), [fetch(1, 1)]),
        (of(2, 2), of(1, 1), of(1, 1), False, (1,), [fetch(2, 2)]),
        (of(2, 2), of(1, 1), of(1, 1), True, (1,), [Load((1, 1)), fetch(2, 2)]),
        (of(2, 2), of(1, 1), None, False, (1,), [Load((1, 1)), fetch(2, 2)]),
        (of(2, 2), of(1, 1), None, False, (1, 2), [Load((1, 2)), Load((1, 1))]),
        (of(2), of(1, 1), of(1, 1), False, (1,), [Rest((1, 2))]),
        (of(2), of(2), of(2), False, (), []),
        (of(3, 1), of(2), of(2), False, (1,), [Load((1, 3))]),
    ],
)
def test_the_most_urgent_comes_first(
    wanted: NodeTarget | None,
    served: NodeTarget | None,
    live: NodeTarget | None,
    is_broken: bool,
    held: Collection[int],
    expected: list[Action],
) -> None:
    assert list(candidates(wanted, served, live, is_broken, lambda shard: shard.key in held)) == expected
