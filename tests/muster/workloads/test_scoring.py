"""Loss and metrics against scikit-learn and closed forms."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from muster.workloads import scoring

labels_of_five = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@settings(deadline=None)
@given(st.data())
def test_metrics_agree_with_scikit_learn(data: st.DataObject) -> None:
    truth = np.array(data.draw(labels_of_five))
    predicted = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(truth), max_size=len(truth))))
    metrics = scoring.metrics(np.eye(5)[predicted], truth)
    assert math.isclose(metrics["accuracy"], accuracy_score(truth, predicted))
    assert math.isclose(metrics["macro_f1"], f1_score(truth, predicted, average="macro", zero_division=0))


def test_unknown_labels_count_neither_in_metrics_nor_in_the_loss() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 3.0], [3.0, 0.0]], np.float32)
    known, labels = np.array([True, False, True]), np.array([0, -1, 1])
    assert scoring.metrics(logits, labels) == scoring.metrics(logits[known], labels[known])
    loss = scoring.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    closed_form = (math.log(1 + math.exp(-3)) + math.log(1 + math.exp(3))) / 2
    assert math.isclose(loss.item(), closed_form, rel_tol=1e-6)


def test_without_any_label_metrics_are_unknown_and_nothing_is_learnt() -> None:
    logits = torch.ones(3, 2, requires_grad=True)
    labels = torch.full((3,), -1)
    loss = scoring.cross_entropy(logits, labels)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(3, 2))
    assert all(math.isnan(value) for value in scoring.metrics(logits.detach().numpy(), labels.numpy()).values())
