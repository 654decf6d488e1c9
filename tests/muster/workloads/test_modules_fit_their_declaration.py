"""What is declared is what the modules take and give, in every variant of every component."""

import numpy as np
import pytest
import torch

from muster.shards import cost
from muster.workloads import catalogue
from muster.workloads.declaration import Component, Source, Workload

DTYPES = {"float32": torch.float32, "int64": torch.int64}

EVERY = [
    pytest.param(workload, component, variant.name, id=f"{workload.name}.{component.name}@{variant.name}")
    for workload in map(catalogue.get, ("digits", "eldercare"))
    for component in workload.components
    for variant in component.variants
]

every = pytest.mark.parametrize(("workload", "component", "variant"), EVERY)


def built(component: Component, variant: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return component.build(variant)


def inputs(workload: Workload, component: Component, samples: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    tensors = [workload.tensor(name) for name in component.inputs]
    return {
        t.name: torch.randint(t.limit, (samples, *t.shape), generator=generator)
        if t.dtype == "int64"
        else torch.rand((samples, *t.shape), generator=generator)
        for t in tensors
    }


@every
def test_outputs_have_the_declared_names_shapes_and_types(
    workload: Workload, component: Component, variant: str
) -> None:
    outputs = built(component, variant)(**inputs(workload, component))
    assert {name: tuple(values.shape[1:]) for name, values in outputs.items()} == {
        tensor.name: tensor.shape for tensor in component.outputs
    }
    assert all(outputs[tensor.name].dtype == DTYPES[tensor.dtype] for tensor in component.outputs)
    assert all(len(values) == 3 for values in outputs.values())


@every
def test_the_state_is_float32_parameters_alone(workload: Workload, component: Component, variant: str) -> None:
    """Buffers would not follow a federation's average, and those that are not kept would stay on meta."""
    module = built(component, variant)
    assert list(module.buffers()) == []
    assert {values.dtype for values in module.state_dict().values()} == {torch.float32}


@every
def test_the_callers_seed_decides_the_weights(workload: Workload, component: Component, variant: str) -> None:
    first, again, other = (built(component, variant, seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@every
def test_a_module_built_on_meta_runs_with_weights_assigned(
    workload: Workload, component: Component, variant: str
) -> None:
    real = built(component, variant)
    with torch.device("meta"):
        shell = component.build(variant)
    shell.load_state_dict(real.state_dict(), assign=True)
    given = inputs(workload, component)
    with torch.inference_mode():
        assert all(torch.equal(shell(**given)[name], values) for name, values in real(**given).items())


def test_the_light_digits_cost_under_a_fifth_alone_and_with_their_head() -> None:
    workload = catalogue.get("digits")
    vision = workload.component("vision")
    full, light = (cost.flops(workload, "vision", variant) for variant in ("full", "light"))
    tail = cost.flops(workload, "head", "full")
    assert 0 < light < 0.2 * full
    assert light + tail < 0.2 * (full + tail)
    assert vision.variant_for("terminal").name == "light"
    assert {vision.variant_for(tier).name for tier in ("edge", "cloud")} == {"full"}


def test_an_absent_modality_answers_zeros_and_only_then() -> None:
    workload = catalogue.get("eldercare")
    data = workload.data(Source(seed=11, limit=200))
    for component in workload.components[:3]:
        values = data.inputs[component.inputs[0]]
        with torch.inference_mode():
            features = next(iter(built(component, "full")(**{component.inputs[0]: torch.from_numpy(values)}).values()))
        there = data.present[component.modality]
        assert not there.all()
        assert torch.equal((features != 0).any(dim=1), torch.from_numpy(there))


def test_with_every_modality_absent_the_answer_is_still_finite() -> None:
    fusion = catalogue.get("eldercare").component("fusion")
    logits = built(fusion, "full")(**{name: torch.zeros(2, 32) for name in fusion.inputs})["logits"]
    assert torch.isfinite(logits).all()


def test_one_sample_is_answered_alike_alone_and_among_others() -> None:
    for workload, component, variant in (case.values for case in EVERY):
        module, many = built(component, variant), inputs(workload, component, samples=8)
        with torch.inference_mode():
            together, alone = module(**many), module(**{name: values[:1] for name, values in many.items()})
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][:1].numpy(), values.numpy(), rtol=1e-5, atol=1e-6)
