"""A probe tells a device that computes the same from one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from muster.shards import errors, modules, probe, shard
from muster.shards.shard import Shard
from muster.tensors.safetensors import write
from muster.wire.targets import Probe
from tests.muster.shards.cutting import Cut, cut
from tests.muster.shards.test_live_hash import flip
from tests.muster.shards.test_loading import Sum, with_module
from tests.muster.toy import TOY


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    return cut(TOY, tmp_path_factory.mktemp("toy"), 0)


def answering(folder: Path, answer: Any) -> Shard:
    """Return a shard whose output, in every row and place, is the answer."""

    class Answer(Sum):
        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"meaning": torch.full((len(words), 17), answer)}

    workload = with_module(Answer)
    write(folder / "file", modules.initial(workload, "read", "full", 0))
    return shard.load(workload, "read", "full", folder / "file")


def test_a_shard_fits_its_own_probe_and_so_does_its_copy(toy: Cut, tmp_path: Path) -> None:
    again = cut(TOY, tmp_path, 0)
    for name, loaded in toy.shards.items():
        made = probe.make(loaded, "seed")
        assert probe.check(loaded, made) is None
        assert probe.check(again.shards[name], made) is None
        assert msgspec.convert(msgspec.to_builtins(made), Probe) == made  # within the bounds of the wire


def test_expected_values_are_the_first_of_each_output_in_order_of_names(toy: Cut) -> None:
    made = probe.make(toy.shards["compare"], "seed", rows=3)
    tensors = [TOY.tensor(name) for name in ("seen", "picture")]
    outputs = toy.shards["compare"].run({tensor.name: probe.stand_in(tensor, "seed", 3) for tensor in tensors})
    values = [*outputs["doubt"].reshape(-1), *outputs["likeness"].reshape(-1)]
    assert made.expected == [round(float(value) * 1_000_000) for value in values]
    assert len(probe.make(toy.shards["look"], "seed", rows=4).expected) == 64  # of 132


def test_a_seed_asks_its_own_question(toy: Cut) -> None:
    assert probe.make(toy.shards["look"], "a").expected != probe.make(toy.shards["look"], "b").expected


def test_other_weights_do_not_fit(toy: Cut, tmp_path: Path) -> None:
    other = cut(TOY, tmp_path, 1)
    for name, loaded in toy.shards.items():
        difference = probe.check(other.shards[name], probe.make(loaded, "seed"))
        assert difference is not None
        assert TOY.component(name).outputs[-1].name in difference or "value" in difference


def test_one_bit_of_a_weight_is_found(tmp_path: Path) -> None:
    loaded = cut(TOY, tmp_path, 0).shards["decide"]
    made = probe.make(loaded, "seed")
    flip(loaded.module.get_parameter("out.2.bias"), 30)
    found = probe.check(loaded, made)
    assert found is not None and found.startswith("logits, value ")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e12])
def test_an_answer_that_is_no_number_never_passes(tmp_path: Path, value: float) -> None:
    loaded = answering(tmp_path, value)
    with pytest.raises(errors.ProbeImpossible, match="read answers"):
        probe.make(loaded, "seed")
    for tolerance in (0, 2**53 - 1):
        assert probe.check(loaded, Probe("seed", 2, [0] * 34, tolerance)) is not None


@pytest.mark.parametrize(
    ("expected", "off", "fits"),
    [
        (0, 1_000, True),
        (0, 1_001, False),
        (500_000, -1_000, True),
        (1_000_000, 1_001, False),
        (2_000_000, 2_000, True),
        (2_000_000, 2_001, False),
        (-50_000_000, 50_000, True),
        (-50_000_000, -50_001, False),
    ],
)
def test_the_tolerance_grows_with_what_is_expected_beyond_one(
    tmp_path: Path, expected: int, off: int, fits: bool
) -> None:
    loaded = answering(tmp_path, (expected + off) / 1_000_000)
    got = round(float(np.float32((expected + off) / 1_000_000)) * 1_000_000)
    assert abs(got - expected - off) <= 2  # float32 has no more than that
    made = Probe("seed", 2, [expected + (got - expected - off)] * 34, 1_000)
    assert (probe.check(loaded, made) is None) == fits


def test_another_number_of_values_does_not_fit(toy: Cut) -> None:
    made = probe.make(toy.shards["read"], "seed")
    for expected in (made.expected[:-1], [*made.expected, 0]):
        changed = msgspec.structs.replace(made, expected=expected)
        assert probe.check(toy.shards["read"], changed) == f"34 values, expected {len(expected)}"


def test_a_shard_that_does_not_run_does_not_fit(tmp_path: Path) -> None:
    loaded = answering(tmp_path, "no number")
    assert "read: TypeError" in str(probe.check(loaded, Probe("seed", 2, [0] * 34, 1_000)))


def test_half_precision_is_given_more_room(tmp_path: Path, toy: Cut) -> None:
    half = cut(TOY, tmp_path, 0, {"look": "bf16"}).shards["look"]
    assert probe.make(half, "seed").tolerance > probe.make(toy.shards["look"], "seed").tolerance


def test_other_threads_and_other_kernels_stay_within_the_tolerance(toy: Cut) -> None:
    """The same weights in float64 stand for a device that rounds otherwise."""
    import copy
    import dataclasses

    class Double(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = copy.deepcopy(inner).double()

        def forward(self, **given: torch.Tensor) -> dict[str, torch.Tensor]:
            wide = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in given.items()}
            outputs = self.inner(**wide)
            return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in outputs.items()}

    for loaded in toy.shards.values():
        made = msgspec.structs.replace(probe.make(loaded, "seed"), tolerance=probe.TOLERANCE // 50)
        assert probe.check(dataclasses.replace(loaded, module=Double(loaded.module)), made) is None
