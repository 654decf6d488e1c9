"""A shard loads only from a sound file of its own tensors, and only where named tensors are all there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from muster.shards import errors, modules, shard
from muster.tensors.safetensors import write
from muster.workloads.declaration import Workload
from tests.muster.tensors.malformed import CORPUS
from tests.muster.toy import TOY


def with_module(make: Callable[[], nn.Module]) -> Workload:
    """Return the toy with another module for `read`."""
    components = [
        dataclasses.replace(one, build=lambda variant: make()) if one.name == "read" else one for one in TOY.components
    ]
    return dataclasses.replace(TOY, components=tuple(components))


class Sum(nn.Module):
    """One parameter; tests add what should not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(17))

    def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"meaning": words.sum(1, keepdim=True) * self.scale}


@pytest.mark.parametrize(
    ("component", "variant", "error"),
    [
        ("ear", "full", errors.UnknownComponent),
        ("look", "tiny", errors.UnknownVariant),
        ("read", "small", errors.UnknownVariant),
    ],
)
def test_what_is_not_declared_is_unknown(tmp_path: Path, component: str, variant: str, error: type[Exception]) -> None:
    calls: list[Callable[[], object]] = [
        lambda: shard.load(TOY, component, variant, tmp_path / "none"),
        lambda: modules.expected(TOY, component, variant),
        lambda: modules.initial(TOY, component, variant, 0),
        lambda: modules.whole(TOY, {}, {component: variant}),
    ]
    for call in calls:
        with pytest.raises(error):
            call()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda state: state.pop("table.weight"), "tensor_missing"),
        (lambda state: state.update(more=torch.zeros(1)), "tensor_unexpected"),
        (lambda state: state.update({"table.weight": torch.zeros(11, 9).double()}), "dtype_differs"),
        (lambda state: state.update({"table.weight": torch.zeros(9, 11)}), "shape_differs"),
        (lambda state: state.update({"table.weight": torch.zeros(99)}), "shape_differs"),
    ],
)
def test_a_sound_file_of_other_tensors_does_not_fit(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], code: str
) -> None:
    state = modules.initial(TOY, "read", "full", 0)
    change(state)
    write(tmp_path / "file", state)
    with pytest.raises(errors.DoesNotFit, match=r"^toy\.read: ") as refused:
        shard.load(TOY, "read", "full", tmp_path / "file")
    assert refused.value.file_code == code
    states = {one.name: modules.initial(TOY, one.name, "full", 0) for one in TOY.components}
    with pytest.raises(errors.DoesNotFit) as refused:
        modules.whole(TOY, states | {"read": state})
    assert refused.value.file_code == code


def test_another_variants_file_does_not_fit(tmp_path: Path) -> None:
    for written, loaded, code in [("small", "full", "shape_differs"), ("bf16", "full", "dtype_differs")]:
        write(tmp_path / "file", modules.initial(TOY, "look", written, 0))
        with pytest.raises(errors.DoesNotFit) as refused:
            shard.load(TOY, "look", loaded, tmp_path / "file")
        assert refused.value.file_code == code


@pytest.mark.parametrize("what", ["nothing", "seven bytes", "a number", "two tensors in one place", "an unknown dtype"])
def test_a_malformed_file_is_a_bad_file(tmp_path: Path, what: str) -> None:
    data, code = CORPUS[what]
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(errors.BadFile) as refused:
        shard.load(TOY, "read", "full", tmp_path / "file")
    assert refused.value.file_code == code


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        shard.load(TOY, "read", "full", tmp_path / "none")


class WithTransientBuffer(Sum):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3), persistent=False)


class WithPlainTensor(Sum):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Module()
        self.inner.constant = torch.arange(3)


class WithTie(Sum):
    def __init__(self) -> None:
        super().__init__()
        self.again = self.scale


class WithExtraState(Sum):
    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 3}


class WithComplex(Sum):
    def __init__(self) -> None:
        super().__init__()
        self.phase = nn.Parameter(torch.zeros(2, dtype=torch.complex64))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (WithTransientBuffer, "mean is not in the state_dict; make it a persistent buffer"),
        (WithPlainTensor, r"inner\.constant is not in the state_dict"),
        (WithTie, "one tensor stands under two names"),
        (WithExtraState, "_extra_state is kept in the state_dict and is no tensor"),
        (WithComplex, "complex64 are not kept"),
    ],
)
def test_state_that_no_file_could_carry_is_refused(
    tmp_path: Path, module: Callable[[], nn.Module], message: str
) -> None:
    workload = with_module(module)
    with pytest.raises(errors.NotCuttable, match=message):
        modules.expected(workload, "read", "full")
    write(tmp_path / "file", {"scale": np.ones(17, np.float32)})
    with pytest.raises(errors.NotCuttable, match=message):
        shard.load(workload, "read", "full", tmp_path / "file")


def test_a_builder_that_raises_is_told_with_its_words() -> None:
    def broken() -> nn.Module:
        raise LookupError("no such layer")

    with pytest.raises(errors.BuildFailed, match=r"toy\.read: LookupError: no such layer"):
        modules.expected(with_module(broken), "read", "full")


def test_scalars_nothing_and_integers_are_loaded(tmp_path: Path) -> None:
    class Mixed(Sum):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("steps", torch.tensor(7))
            self.register_buffer("none", torch.zeros(0, 3))
            self.register_buffer("flags", torch.ones(5, dtype=torch.bool))

    workload = with_module(Mixed)
    assert modules.expected(workload, "read", "full") == {
        "scale": ("F32", (17,)), "steps": ("I64", ()), "none": ("F32", (0, 3)), "flags": ("BOOL", (5,)),
    }  # fmt: skip
    state = modules.initial(workload, "read", "full", 0)
    write(tmp_path / "file", state)
    loaded = shard.load(workload, "read", "full", tmp_path / "file")
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.module.state_dict().items())
    assert loaded.size_bytes == (tmp_path / "file").stat().st_size
    assert not loaded.module.training


def test_first_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = modules.initial(TOY, "look", "full", 3)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn  # who draws elsewhere is not disturbed
    again, other = modules.initial(TOY, "look", "full", 3), modules.initial(TOY, "look", "full", 4)
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["conv.weight"], other["conv.weight"])
    half = modules.initial(TOY, "look", "bf16", 3)
    assert all(torch.equal(tensor.to(half[name].dtype), half[name]) for name, tensor in first.items())
    assert not torch.equal(first["out.bias"], modules.initial(TOY, "compare", "full", 3)["mix.bias"])


def test_expected_says_what_first_weights_are() -> None:
    for component in TOY.components:
        for variant in component.variants:
            state = modules.initial(TOY, component.name, variant.name, 0)
            expected = modules.expected(TOY, component.name, variant.name)
            assert {name: shape for name, (_, shape) in expected.items()} == {
                name: tuple(tensor.shape) for name, tensor in state.items()
            }


def test_a_whole_models_weights_are_its_own_and_carry_the_files_names() -> None:
    states = {one.name: modules.initial(TOY, one.name, "full", 0) for one in TOY.components}
    whole = modules.whole(TOY, states)
    assert set(whole.state_dict()) == {f"{name}.{rest}" for name, state in states.items() for rest in state}
    with torch.no_grad():
        for parameter in whole.parameters():
            parameter.add_(1)
    again = {one.name: modules.initial(TOY, one.name, "full", 0) for one in TOY.components}
    assert all(
        torch.equal(tensor, states[name][rest]) for name, state in again.items() for rest, tensor in state.items()
    )


def test_a_whole_model_can_be_trained() -> None:
    states = {one.name: modules.initial(TOY, one.name, "full", 0) for one in TOY.components}
    whole = modules.whole(TOY, states).train()
    given = {"picture": torch.rand(4, 1, 8, 8), "words": torch.randint(0, 11, (4, 5))}
    TOY.loss(whole(**given)[TOY.output], torch.tensor([0, 1, 2, 0])).backward()
    assert all(parameter.grad is not None for name, parameter in whole.named_parameters() if "doubt" not in name)


def test_a_whole_model_takes_the_states_of_its_own_components() -> None:
    states = {one.name: modules.initial(TOY, one.name, "full", 0) for one in TOY.components}
    for wrong in ({}, states | {"ear": {}}, {name: state for name, state in states.items() if name != "look"}):
        with pytest.raises(errors.UnknownComponent):
            modules.whole(TOY, wrong)


@pytest.mark.parametrize("word", ["half", "forward", "training_step"])
def test_a_component_named_like_a_word_of_torchs_cannot_stand_in_a_whole(word: str) -> None:
    def named(name: str) -> Workload:
        return dataclasses.replace(
            TOY,
            components=tuple(
                dataclasses.replace(one, name=name if one.name == "read" else one.name) for one in TOY.components
            ),
        )

    workload = named(word)
    states = {one.name: modules.initial(workload, one.name, "full", 0) for one in workload.components}
    if hasattr(nn.Module, word):
        with pytest.raises(errors.NotCuttable, match=f"cannot be named '{word}'"):
            modules.whole(workload, states)
    else:
        assert modules.whole(workload, states).get_submodule(word) is not None
