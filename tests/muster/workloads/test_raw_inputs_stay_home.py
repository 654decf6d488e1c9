"""Where eldercare's evidence may go: the thread's plan keeps every raw input at home, other plans do not."""

import pytest

from muster.workloads import catalogue


def leaving(plan: dict[str, str]) -> set[str]:
    """Return the raw inputs that must not leave their tier and would, with unnamed components where they are."""
    workload = catalogue.get("eldercare")
    placement = workload.default_placement() | plan
    return {
        raw.tensor.name
        for component in workload.components
        for raw in workload.raw_inputs(component)
        if placement[component.name] != raw.home and not raw.may_leave
    }


@pytest.mark.parametrize("plan", [{}, {"vision": "terminal", "text": "edge", "fusion": "cloud"}, {"fusion": "edge"}])
def test_a_plan_that_moves_features_alone_lets_nothing_leave(plan: dict[str, str]) -> None:
    assert leaving(plan) == set()


@pytest.mark.parametrize(
    ("plan", "left"),
    [({"text": "cloud"}, {"note"}), ({"vision": "edge"}, {"silhouette"}), ({"motion": "cloud"}, {"motion"})],
)
def test_a_plan_that_moves_an_encoder_away_would_let_its_input_leave(plan: dict[str, str], left: set[str]) -> None:
    assert leaving(plan) == left


def test_the_digits_may_leave() -> None:
    assert [raw.may_leave for raw in catalogue.get("digits").inputs] == [True]
