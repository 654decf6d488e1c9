"""Shards that run one after another give what the whole model gives, to the last bit."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from muster.shards import modules, shard
from muster.workloads import catalogue
from muster.workloads.declaration import Component, RawInput, Tensor, Workload
from tests.muster.shards.cutting import cut, inputs
from tests.muster.toy import FULL, TOY, loss, metrics, no_data


class Part(torch.nn.Module):
    """A matrix product, whose last bits hang on where its operands lie; its answer is a view from within memory."""

    def __init__(self, takes: str, gives: str, size: int) -> None:
        super().__init__()
        self.takes, self.gives, self.map = takes, gives, torch.nn.Linear(33, size)

    def forward(self, **given: torch.Tensor) -> dict[str, torch.Tensor]:
        right = self.map(given[self.takes])
        return {self.gives: torch.cat([right[:1], right])[1:]}


CHAIN = Workload(
    name="chain",
    version=1,
    title="Chain",
    description="Two matrix products with nothing between them.",
    synthetic=True,
    classes=("a", "b", "c"),
    inputs=(RawInput(Tensor("first", (33,)), "motion", "terminal", may_leave=True),),
    components=(
        Component("one", "motion", ("first",), (Tensor("second", (33,)),), "edge", (FULL,),
                  lambda variant: Part("first", "second", 33)),
        Component("two", "motion", ("second",), (Tensor("logits", (3,)),), "cloud", (FULL,),
                  lambda variant: Part("second", "logits", 3)),
    ),
    output="logits",
    data=no_data,
    loss=loss,
    metrics=metrics,
)  # fmt: skip

WORKLOADS = [TOY, CHAIN, catalogue.get("digits"), catalogue.get("eldercare")]
ROWS = (1, 3, 8)
SEEDS = (0, 1, 2**40)


def combinations() -> list[Any]:
    """Return every workload with every choice of variants."""
    found = []
    for workload in WORKLOADS:
        names = [[variant.name for variant in component.variants] for component in workload.components]
        for variants in itertools.product(*names):
            chosen = dict(zip((component.name for component in workload.components), variants, strict=True))
            found.append(pytest.param(workload, chosen, id=f"{workload.name}-{'-'.join(variants)}"))
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("workload", "variants"), combinations())
def test_the_difference_is_zero(tmp_path: Path, workload: Workload, variants: dict[str, str], seed: int) -> None:
    made = cut(workload, tmp_path, seed, variants)
    whole = modules.whole(workload, made.states, variants)
    for rows in ROWS:
        given = inputs(workload, f"{seed}", rows)
        with torch.inference_mode():
            expected = whole(**{name: torch.from_numpy(array) for name, array in given.items()})
        assert_equal(made.run(given), expected)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_neither_strides_nor_places_in_memory_change_a_bit(tmp_path: Path, workload: Workload) -> None:
    """Given from the middle of a buffer or by columns, inputs give the same; so they do out of a message."""
    made = cut(workload, tmp_path, 5)
    whole = modules.whole(workload, made.states)
    for offset in (4, 24, 40):
        given = inputs(workload, "moved", 3)
        expected = made.run(given)
        moved = {}
        for name, array in given.items():
            size = array.itemsize * -(-offset // array.itemsize)
            moved[name] = np.frombuffer(bytearray(size) + array.tobytes(), array.dtype, offset=size).reshape(
                array.shape
            )
        assert_equal(made.run(moved), {name: torch.from_numpy(array) for name, array in expected.items()})
        columns = {name: np.asfortranarray(array) for name, array in given.items()}
        assert_equal(made.run(columns), {name: torch.from_numpy(array) for name, array in expected.items()})
        with torch.inference_mode():
            assert_equal(expected, whole(**{name: torch.from_numpy(array) for name, array in moved.items()}))


def test_a_file_of_any_layout_gives_the_same(tmp_path: Path) -> None:
    """The library lays tensors by name, so most of them do not lie as torch's own memory; they are copied."""
    from safetensors.torch import save_file

    made = cut(TOY, tmp_path, 3)
    given = inputs(TOY, "layout", 8)
    expected = made.run(given)
    for name, state in made.states.items():
        path = tmp_path / "theirs"
        save_file({f"{rest}": tensor for rest, tensor in state.items()}, path, {"odd": "x" * 3})
        made.shards[name] = shard.load(TOY, name, made.variants[name], path)
        assert (
            made.shards[name].weights_sha256() == shard.load(TOY, name, "full", _ours(tmp_path, name)).weights_sha256()
        )
    assert_equal(made.run(given), {name: torch.from_numpy(array) for name, array in expected.items()})


def test_every_tensor_of_the_graph_is_compared(tmp_path: Path) -> None:
    made = cut(TOY, tmp_path, 0)
    assert made.run(inputs(TOY, "all", 1)).keys() == {
        "picture", "words", "seen", "meaning", "likeness", "doubt", "logits",
    }  # fmt: skip


def test_other_weights_and_other_inputs_give_something_else(tmp_path: Path) -> None:
    first, second = cut(TOY, tmp_path / "a", 0), cut(TOY, tmp_path / "b", 1)
    given, other = inputs(TOY, "x", 3), inputs(TOY, "y", 3)
    assert not np.array_equal(first.run(given)["logits"], second.run(given)["logits"])
    assert not np.array_equal(first.run(given)["logits"], first.run(other)["logits"])


def _ours(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def assert_equal(arrays: dict[str, np.ndarray], tensors: dict[str, torch.Tensor]) -> None:
    assert arrays.keys() == tensors.keys()
    for name, array in arrays.items():
        expected = tensors[name].numpy()
        assert array.dtype == expected.dtype
        assert array.tobytes() == expected.tobytes(), f"{name} differs by {np.abs(array - expected).max()}"
