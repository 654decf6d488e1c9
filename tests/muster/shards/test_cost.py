"""Costs are those that can be computed by hand."""

from __future__ import annotations

import torch

from muster.shards import cost, modules
from muster.workloads import catalogue
from tests.muster.shards.test_loading import Sum, with_module
from tests.muster.toy import TOY


def test_the_toys_operations_are_counted_as_by_hand() -> None:
    """Two for each multiplication and addition of convolutions and matrix products."""
    look = 2 * 8 * 8 * 7 * (1 * 3 * 3) + 2 * (7 * 64) * 33
    small = 2 * 8 * 8 * 3 * (1 * 3 * 3) + 2 * (3 * 64) * 33
    read = 5 * 2 * (3 * 17) * (9 + 17)
    compare = 2 * (33 + 64) * 20
    decide = 2 * (33 + 13 + 5 + 17) * 40 + 2 * 40 * 3
    assert cost.flops(TOY, "look", "full") == cost.flops(TOY, "look", "bf16") == look
    assert cost.flops(TOY, "look", "small") == small
    assert cost.flops(TOY, "read", "full") == read
    assert cost.flops(TOY, "compare", "full") == compare
    assert cost.flops(TOY, "decide", "full") == decide


def test_parameters_are_what_training_changes() -> None:
    assert cost.parameters(TOY, "compare", "full") == 97 * 20 + 20
    assert cost.parameters(TOY, "look", "full") == 7 * 9 + 7 + 7 + 7 + 7 * 64 * 33 + 33  # no running figures


def test_a_module_that_looks_at_values_is_counted_too() -> None:
    class Looking(Sum):
        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            scale = self.scale if bool(words.sum() > -1) else -self.scale
            return {"meaning": words.float().sum(1, keepdim=True) @ scale[None]}

    state = torch.random.get_rng_state()
    assert cost.flops(with_module(Looking), "read", "full") == 2 * 1 * 17
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_light_digits_cost_under_a_fifth() -> None:
    digits = catalogue.get("digits")
    tensors = modules.expected(digits, "vision", "full")
    assert cost.flops(digits, "vision", "light") < 0.2 * cost.flops(digits, "vision", "full")
    assert (
        cost.parameters(digits, "vision", "light")
        < cost.parameters(digits, "vision", "full")
        < sum(_elements(shape) for _, shape in tensors.values()) + 1
    )


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
