"""Each kind of evidence alone leaves pairs of classes apart; only together they tell them all."""

import numpy as np
import pytest

from bench import workloads as bench
from muster.workloads import catalogue
from muster.workloads.declaration import Dataset, Source
from muster.workloads.eldercare import CLASSES

WORKLOAD = catalogue.get("eldercare")

# What a modality cannot tell apart: of these two at least a fifth are taken for the other.
CONFUSED = {
    "motion": ("resting", "lying_still"),
    "vision": ("lying_still", "fall"),
    "text": ("agitation", "wandering"),
}


@pytest.fixture(scope="module")
def held_out() -> Dataset:
    return WORKLOAD.data(Source(seed=0, held_out=True))


@pytest.fixture(scope="module")
def runs(held_out: Dataset) -> list[dict[str, np.ndarray]]:
    """Return model → logits of the held-out part, for two seeds."""
    training = bench.eldercare_training()
    return [bench.eldercare(seed, training, held_out) for seed in (0, 1)]


def test_fusion_beats_the_best_modality_by_five_points_with_either_seed(runs, held_out: Dataset) -> None:
    for run in runs:
        accuracy = {name: WORKLOAD.metrics(logits, held_out.labels)["accuracy"] for name, logits in run.items()}
        assert accuracy["fusion"] >= max(accuracy[name] for name in CONFUSED) + 0.05


def test_it_does_so_too_where_nothing_is_missing(runs, held_out: Dataset) -> None:
    there = np.all(list(held_out.present.values()), axis=0)
    for run in runs:
        accuracy = {name: np.mean(logits[there].argmax(1) == held_out.labels[there]) for name, logits in run.items()}
        assert accuracy["fusion"] >= max(accuracy[name] for name in CONFUSED) + 0.05


@pytest.mark.parametrize("modality", CONFUSED)
def test_each_modality_alone_confuses_a_pair_that_fusion_tells(runs, held_out: Dataset, modality: str) -> None:
    pair = [CLASSES.index(name) for name in CONFUSED[modality]]
    among = np.isin(held_out.labels, pair) & np.all(list(held_out.present.values()), axis=0)
    for run in runs:
        right = {
            name: np.mean(run[name][among][:, pair].argmax(1) == (held_out.labels[among] == pair[1]))
            for name in (modality, "fusion")
        }
        assert right[modality] < 0.8
        assert right["fusion"] > right[modality] + 0.1
