"""A model is judged with all its evidence and with each kind alone."""

import numpy as np
import torch

from muster.shards import modules
from muster.training.evaluate import evaluate
from muster.workloads import catalogue
from muster.workloads.declaration import Dataset, Source
from tests.muster.toy import TOY
from tests.muster.training.toys import samples, states

ELDERCARE = catalogue.get("eldercare")


def asked_one_by_one(dataset: Dataset, weights, kept: set[str]) -> dict[str, float]:
    """Return the metrics of answers to single samples with the other inputs zero."""
    model, answers = modules.whole(ELDERCARE, weights), []
    for i in range(len(dataset)):
        inputs = {}
        for raw in ELDERCARE.inputs:
            value = torch.from_numpy(dataset.inputs[raw.tensor.name][i : i + 1])
            inputs[raw.tensor.name] = value if raw.modality in kept else value * 0
        answers.append(model(**inputs)["logits"].detach().numpy()[0])
    return ELDERCARE.metrics(np.stack(answers), dataset.labels)


def test_each_modality_alone_is_the_model_with_the_others_zero() -> None:
    held_out = ELDERCARE.data(Source(seed=0, held_out=True, limit=150))
    weights = states(ELDERCARE)
    found = evaluate(ELDERCARE, weights, held_out)
    assert list(found) == ["all", "motion", "vision", "text"]
    assert found["all"] == asked_one_by_one(held_out, weights, {"motion", "vision", "text"})
    for kind in ("motion", "vision", "text"):
        assert found[kind] == asked_one_by_one(held_out, weights, {kind})
    assert len({str(metrics) for metrics in found.values()}) > 1  # otherwise nothing was shown


def test_one_modality_needs_no_figures_of_its_own() -> None:
    digits = catalogue.get("digits")
    assert list(evaluate(digits, states(digits), digits.data(Source(seed=0, held_out=True)))) == ["all"]


def test_batches_make_no_difference(monkeypatch) -> None:
    weights, dataset = states(TOY), samples(50)
    whole = evaluate(TOY, weights, dataset)
    monkeypatch.setattr("muster.training.evaluate.BATCH", 7)
    assert evaluate(TOY, weights, dataset) == whole


def test_data_that_may_not_be_written_is_taken_too() -> None:
    dataset = samples(20)
    for values in dataset.inputs.values():
        values.flags.writeable = False
    assert evaluate(TOY, states(TOY), dataset) == evaluate(TOY, states(TOY), samples(20))
