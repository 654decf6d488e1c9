"""A member trains what it has evidence for, on its own labelled samples, the same way every time."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from muster.shards import modules
from muster.tensors import safetensors
from muster.training.local import Stopped, Trained, TrainingError, train
from muster.wire.work import LocalTraining, WorkReason
from muster.workloads import catalogue
from muster.workloads.declaration import Dataset, Source
from tests.muster.toy import TOY
from tests.muster.training.toys import LINEAR, LOCAL, States, points, samples, states

ALL = ["look", "read", "compare", "decide"]


def trained(dataset: Dataset | None = None, local: LocalTraining = LOCAL, **changes) -> Trained:
    given = {"trained": ALL, "round_number": 1, "node": "a"} | changes
    return train(TOY, states(TOY), samples() if dataset is None else dataset, local, **given)


def written(tmp_path, result: Trained) -> bytes:
    safetensors.write(tmp_path / "delta", result.delta)
    return (tmp_path / "delta").read_bytes()


def test_the_same_inputs_give_the_same_bytes(tmp_path) -> None:
    first = written(tmp_path, trained())
    torch.manual_seed(99)  # whatever the process drew before
    assert written(tmp_path, trained()) == first


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
import torch
from muster.tensors import safetensors
from tests.muster.training.test_local_training import at_home

torch.set_num_threads(1)
safetensors.write(Path(sys.argv[1]), at_home().delta)
"""


def at_home() -> Trained:
    """Return what an eldercare home learns: convolutions, embeddings and missing modalities."""
    workload = catalogue.get("eldercare")
    home, weights = workload.data(Source(seed=3, limit=64)), states(workload)
    return train(workload, weights, home, LOCAL, trained=list(weights), round_number=1, node="a")


def test_another_process_gets_the_same_bytes(tmp_path) -> None:
    subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "theirs")], check=True, timeout=120)
    assert (tmp_path / "theirs").read_bytes() == written(tmp_path, at_home())


@pytest.mark.parametrize("change", [{"node": "b"}, {"round_number": 2}, {"local": replace(LOCAL, seed=6)}])
def test_another_node_round_or_seed_shuffles_otherwise(tmp_path, change) -> None:
    assert written(tmp_path, trained(**change)) != written(tmp_path, trained())


def test_torch_and_the_given_weights_stay_as_they_were() -> None:
    base = states(TOY)
    kept = {name: {rest: tensor.clone() for rest, tensor in state.items()} for name, state in base.items()}
    torch.manual_seed(3)
    random_before = torch.get_rng_state()
    train(TOY, base, samples(), LOCAL, trained=ALL, round_number=1, node="a")
    assert torch.equal(torch.get_rng_state(), random_before)
    assert torch.get_deterministic_debug_mode() == 0
    for name, state in base.items():
        assert all(torch.equal(tensor, kept[name][rest]) for rest, tensor in state.items())


def descended(dataset: Dataset, base: States, steps: int, rate: float, momentum: float) -> tuple[np.ndarray, ...]:
    """Return weights and biases after gradient steps on all samples, by the formula of softmax regression."""
    x, y = dataset.inputs["values"].astype(float), np.eye(3)[dataset.labels]
    w, b = (base["only"][f"map.{name}"].double().numpy() for name in ("weight", "bias"))
    speed_w, speed_b = np.zeros_like(w), np.zeros_like(b)
    for _ in range(steps):
        scores = np.exp(x @ w.T + b)
        error = (scores / scores.sum(1, keepdims=True) - y) / len(x)
        speed_w, speed_b = momentum * speed_w + error.T @ x, momentum * speed_b + error.sum(0)
        w, b = w - rate * speed_w, b - rate * speed_b
    return w, b


@pytest.mark.parametrize("momentum", [0, 900_000])
def test_it_is_gradient_descent_with_momentum_by_hand(momentum: int) -> None:
    base, dataset = states(LINEAR), points(20)
    local = LocalTraining(5, 20, 200_000, momentum, 1)
    result = train(LINEAR, base, dataset, local, trained=["only"], round_number=1, node="a")
    w, b = descended(dataset, base, 5, 0.2, momentum / 1e6)
    after = {name: (base["only"][name] + result.delta[f"only.{name}"]).numpy() for name in ("map.weight", "map.bias")}
    np.testing.assert_allclose(after["map.weight"], w, atol=1e-6)
    np.testing.assert_allclose(after["map.bias"], b, atol=1e-6)
    assert result.steps == 5


def test_the_losses_are_those_of_the_weights_before_and_after() -> None:
    base, dataset = states(TOY), samples()
    result = trained(dataset)
    moved = {
        name: {rest: tensor + result.delta[f"{name}.{rest}"] for rest, tensor in state.items()}
        for name, state in base.items()
    }
    for weights, loss in ((base, result.loss_before), (moved, result.loss_after)):
        inputs = {name: torch.from_numpy(values) for name, values in dataset.inputs.items()}
        logits = modules.whole(TOY, weights)(**inputs)["logits"].detach().numpy().astype(float)
        likely = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        assert loss == pytest.approx(-likely[np.arange(len(dataset)), dataset.labels].mean(), abs=1e-5)
    assert result.loss_after < result.loss_before


def test_only_what_shall_be_trained_changes() -> None:
    result = trained(trained=["look", "decide"])
    assert {name.partition(".")[0] for name in result.delta} == {"look", "decide"}
    assert result.samples == {"look": 20, "decide": 30 - 2}  # samples 6 and 21 have neither picture nor words
    assert result.loss_after != result.loss_before


def test_frozen_norms_do_not_move_either() -> None:
    base = states(TOY)
    base["look"]["norm.running_mean"] += 3.0  # far from what the batches would bring it to
    result = train(TOY, base, samples(), LOCAL, trained=["decide"], round_number=1, node="a")
    moved = {**base, "decide": {r: t + result.delta[f"decide.{r}"] for r, t in base["decide"].items()}}
    again = train(TOY, moved, samples(), LOCAL, trained=["decide"], round_number=1, node="a")
    assert again.loss_before == pytest.approx(result.loss_after, abs=1e-6)


def test_buffers_count_as_differences_too() -> None:
    base, result = states(TOY), trained()
    assert result.delta["look.norm.num_batches_tracked"].item() == result.steps == 8  # 2 epochs of 30 in eights
    assert result.delta["look.norm.running_mean"].abs().sum() > 0
    for name, tensor in result.delta.items():
        component, _, rest = name.partition(".")
        assert (tensor.dtype, tensor.shape) == (base[component][rest].dtype, base[component][rest].shape)


def test_a_component_without_evidence_is_left_out() -> None:
    result = trained(samples(with_words=False))
    assert result.samples == {"look": 20, "compare": 20, "decide": 20}
    assert "read.table.weight" not in result.delta


def test_fusion_counts_samples_with_any_evidence_in_eldercare() -> None:
    home = catalogue.get("eldercare").data(Source(seed=3, limit=64))
    result = at_home()
    assert result.samples == {kind: int(there.sum()) for kind, there in home.present.items()} | {"fusion": 64}
    assert max(result.samples["motion"], result.samples["vision"], result.samples["text"]) < 64


def test_samples_without_a_label_are_as_if_they_were_not_there(tmp_path) -> None:
    whole = samples(40)
    unknown = np.arange(40) % 4 == 2
    partly = dataclasses.replace(whole, labels=np.where(unknown, -1, whole.labels))
    assert written(tmp_path, trained(partly)) == written(tmp_path, trained(whole.take(np.flatnonzero(~unknown))))
    assert trained(partly).samples == trained(whole.take(np.flatnonzero(~unknown))).samples


@pytest.mark.parametrize("case", ["no labels", "no samples", "none of the modality", "nothing to train"])
def test_without_a_labelled_sample_there_is_no_update(case: str) -> None:
    dataset, wanted = samples(with_words=False), ["read"] if case == "none of the modality" else ALL
    if case == "no labels":
        dataset = dataclasses.replace(dataset, labels=np.full(len(dataset), -1))
    if case == "no samples":
        dataset = dataset.take(slice(0))
    with pytest.raises(TrainingError) as refused:
        trained(dataset, trained=[] if case == "nothing to train" else wanted)
    assert refused.value.reason is WorkReason.NO_DATA


@pytest.mark.parametrize("case", ["diverges", "inputs", "weights"])
def test_what_is_not_finite_is_no_update(case: str) -> None:
    base, dataset, local = states(LINEAR), points(20), LocalTraining(100, 1, 10_000_000, 999_999, 1)
    if case == "diverges":
        dataset.inputs["values"][:] *= 1e20
    else:
        local = LOCAL
        spoiled = dataset.inputs["values"] if case == "inputs" else base["only"]["map.weight"]
        spoiled[2, 2] = float("nan")
    with pytest.raises(TrainingError) as refused:
        train(LINEAR, base, dataset, local, trained=["only"], round_number=1, node="a")
    assert refused.value.reason is WorkReason.NOT_FINITE


def test_it_tells_each_step_and_stops_between_two() -> None:
    told: list[tuple[int, int]] = []
    trained(on_step=lambda done, total: told.append((done, total)))
    assert told == [(step, 8) for step in range(1, 9)]
    told.clear()
    with pytest.raises(Stopped) as stopped:
        trained(on_step=lambda done, total: told.append((done, total)), stop=lambda: len(told) == 3)
    assert len(told) == 3
    assert stopped.value.reason is WorkReason.NONE


@pytest.mark.parametrize(("count", "steps"), [(17, 2), (16, 2), (18, 3), (1, 1), (8, 1), (9, 1)])
def test_no_batch_is_a_single_sample_unless_there_is_no_other(count: int, steps: int) -> None:
    local = replace(LOCAL, epochs=1)
    told: list[int] = []
    result = train(
        LINEAR,
        states(LINEAR),
        points(count),
        local,
        trained=["only"],
        round_number=1,
        node="a",
        on_step=lambda done, total: told.append(total),
    )
    assert result.steps == steps
    assert told == [steps] * steps


def test_data_that_may_not_be_written_is_taken_too() -> None:
    dataset = samples()
    for values in (*dataset.inputs.values(), dataset.labels):
        values.flags.writeable = False
    assert trained(dataset).samples == trained().samples
