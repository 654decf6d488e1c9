"""Loss and metrics of classification, shared by the included workloads. A label of −1 is unknown and never counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

UNKNOWN = -1


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy over the samples whose label is known; 0 where none is.

    Args:
        logits: (N, classes) float.
        labels: (N,) int64.
    """
    from torch.nn import functional

    total = functional.cross_entropy(logits, labels, ignore_index=UNKNOWN, reduction="sum")
    return total / (labels != UNKNOWN).sum().clamp(min=1)  # a mean over nothing would be NaN


def metrics(logits: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return `accuracy` and `macro_f1` over the samples whose label is known; NaN where none is."""
    import numpy as np

    known = labels != UNKNOWN
    if not known.any():
        return {"accuracy": float("nan"), "macro_f1": float("nan")}
    predicted, truth = logits[known].argmax(axis=1), labels[known]
    return {"accuracy": float(np.mean(predicted == truth)), "macro_f1": macro_f1(predicted, truth)}


def macro_f1(predicted: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    """Return the mean F1 of the classes that are in the truth or were predicted.

    F1 = 2·TP / (2·TP + FP + FN).

    Args:
        predicted: (N,) int, N ≥ 1.
        truth: (N,) int.
    """
    import numpy as np

    scores = []
    for label in np.union1d(predicted, truth):
        hits = np.sum((predicted == label) & (truth == label))
        scores.append(2 * hits / (np.sum(predicted == label) + np.sum(truth == label)))
    return float(np.mean(scores))
