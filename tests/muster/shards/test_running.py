"""A shard binds by name and gives and takes exactly what its component declares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from muster.shards import errors, modules, shard
from muster.shards.shard import Shard
from muster.tensors.safetensors import write
from tests.muster.shards.cutting import cut, inputs
from tests.muster.shards.test_loading import Sum, with_module
from tests.muster.toy import TOY

PICTURE, SEEN = np.zeros((2, 1, 8, 8), np.float32), np.zeros((2, 33), np.float32)


@pytest.fixture(scope="module")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Shard:
    return cut(TOY, tmp_path_factory.mktemp("toy"), 0).shards["compare"]


def test_the_order_of_inputs_does_not_matter(compare: Shard) -> None:
    rng = np.random.default_rng(0)
    picture, seen = rng.random(PICTURE.shape, np.float32), rng.random(SEEN.shape, np.float32)
    one = compare.run({"picture": picture, "seen": seen})
    two = compare.run({"seen": seen, "picture": picture})
    assert list(one) == ["likeness", "doubt"]
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "given nothing; it takes picture, seen"),
        ({"picture": PICTURE}, "given picture; it takes"),
        ({"picture": PICTURE, "seen": SEEN, "words": SEEN}, "given picture, seen, words"),
        ({"picture": PICTURE, "Seen": SEEN}, "given Seen, picture"),
        ({"picture": PICTURE, "seen": SEEN.astype(np.float64)}, "seen is float64, not float32"),
        ({"picture": PICTURE, "seen": SEEN.astype(np.int64)}, "seen is int64, not float32"),
        ({"picture": PICTURE, "seen": SEEN[:1]}, r"seen has shape \(1, 33\); it takes \(2, 33\)"),
        ({"picture": PICTURE, "seen": SEEN.T}, r"seen has shape \(33, 2\)"),
        ({"picture": PICTURE[0], "seen": SEEN}, r"picture has shape \(1, 8, 8\); it takes \(1, 1, 8, 8\)"),
        ({"picture": PICTURE[:0], "seen": SEEN[:0]}, r"picture has shape \(0, 1, 8, 8\); it takes \(N, 1, 8, 8\)"),
        ({"picture": PICTURE, "seen": np.float32(0).reshape(())}, r"seen has shape \(\)"),
    ],
)
def test_inputs_that_were_not_declared_are_refused(compare: Shard, given: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.BadInputs, match=message):
        compare.run(given)


def test_the_whole_model_refuses_them_too(tmp_path: Path) -> None:
    whole = modules.whole(TOY, cut(TOY, tmp_path, 0).states)
    given = {name: torch.from_numpy(array) for name, array in inputs(TOY, "x", 2).items()}
    for wrong in (
        {"picture": given["picture"]},
        given | {"words": given["words"].int()},
        given | {"words": given["words"][:1]},
        given | {"more": given["words"]},
    ):
        with pytest.raises(errors.BadInputs):
            whole(**wrong)


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda right: right["meaning"], "read gave Tensor; it declares meaning"),
        (lambda right: {}, "read gave nothing; it declares meaning"),
        (lambda right: {**right, "more": right["meaning"]}, "read gave meaning, more; it declares"),
        (lambda right: {"meaning": right["meaning"].double()}, "meaning is torch.float64"),
        (lambda right: {"meaning": right["meaning"][:1]}, r"meaning is torch.float32 \(1, 17\)"),
        (lambda right: {"meaning": right["meaning"][:, :5]}, r"\(2, 5\), declared as torch.float32 \(2, 17\)"),
    ],
)
def test_outputs_that_were_not_declared_are_refused(
    tmp_path: Path, give: Callable[[dict[str, Any]], Any], message: str
) -> None:
    class Wrong(Sum):
        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            made: dict[str, torch.Tensor] = give(super().forward(words))
            return made

    with pytest.raises(errors.BadOutputs, match=message):
        _run(tmp_path, Wrong)


def test_what_the_component_raises_is_told_with_its_words(tmp_path: Path) -> None:
    class Broken(Sum):
        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            raise ZeroDivisionError("nobody spoke")

    with pytest.raises(errors.RunFailed, match="read: ZeroDivisionError: nobody spoke"):
        _run(tmp_path, Broken)


def test_no_gradient_is_kept_and_the_caller_keeps_its_arrays(tmp_path: Path) -> None:
    class Greedy(Sum):
        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            assert torch.is_inference_mode_enabled()
            words.zero_()
            return {"meaning": self.scale.expand(len(words), 17)}

    words = np.ones((2, 5), np.int64)
    words.flags.writeable = False
    loaded = _loaded(tmp_path, Greedy)
    given = loaded.run({"words": words})["meaning"]
    assert words.all()
    before = loaded.weights_sha256()
    given[:] = 5  # an answer is the caller's own
    assert loaded.weights_sha256() == before


def _loaded(folder: Path, module: Callable[[], nn.Module]) -> Shard:
    workload = with_module(module)
    write(folder / "file", modules.initial(workload, "read", "full", 0))
    return shard.load(workload, "read", "full", folder / "file")


def _run(folder: Path, module: Callable[[], nn.Module]) -> object:
    return _loaded(folder, module).run({"words": np.ones((2, 5), np.int64)})
