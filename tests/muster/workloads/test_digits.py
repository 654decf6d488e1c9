"""The digits: scikit-learn's own images, split once for ever, and learnt within seconds."""

import hashlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bench import workloads as bench
from muster.workloads import catalogue
from muster.workloads.declaration import Source
from muster.workloads.digits.data import training_part

WORKLOAD = catalogue.get("digits")


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_images_are_fractions_and_all_of_them_are_used() -> None:
    training, held_out = training_part(), WORKLOAD.data(Source(seed=0, held_out=True))
    images = np.concatenate([training.inputs["image"], held_out.inputs["image"]])
    original = load_digits().images.astype(np.float32)[:, None] / 16
    assert images.dtype == np.float32
    assert images.shape == (1797, 1, 8, 8)
    assert sorted(map(bytes, images)) == sorted(map(bytes, original))
    assert (images.min(), images.max()) == (0, 1)
    assert len(held_out) == 359  # a fifth


def test_the_held_out_part_never_changes_and_no_node_sees_it() -> None:
    held_out = WORKLOAD.data(Source(seed=0, held_out=True))
    assert np.array_equal(held_out.inputs["image"], WORKLOAD.data(Source(seed=9, held_out=True)).inputs["image"])
    known = hashlib.sha256(held_out.labels.tobytes()).hexdigest()
    assert known.startswith("3e09a3203c7ea505")
    seen = set().union(*(rows(WORKLOAD.data(Source(seed=seed)).inputs["image"]) for seed in range(20)))
    assert not seen & rows(held_out.inputs["image"])


def test_a_nodes_seed_decides_its_own_part() -> None:
    one, again, other = (WORKLOAD.data(Source(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.inputs["image"], again.inputs["image"])
    assert np.array_equal(one.labels, again.labels)
    assert rows(one.inputs["image"]) != rows(other.inputs["image"])
    assert len(one) == 360  # a quarter of the 1,438 that may be trained on


@pytest.mark.parametrize("held_out", [False, True])
def test_a_limit_keeps_the_first_samples(held_out: bool) -> None:
    some = WORKLOAD.data(Source(seed=1, held_out=held_out, limit=7))
    whole = WORKLOAD.data(Source(seed=1, held_out=held_out))
    assert len(some) == len(some.inputs["image"]) == len(some.present["vision"]) == 7
    assert np.array_equal(some.labels, whole.labels[:7])


def test_a_samples_label_is_its_own() -> None:
    images, labels = load_digits(return_X_y=True)
    truth = {(image / 16).astype(np.float32).tobytes(): label for image, label in zip(images, labels, strict=True)}
    data = WORKLOAD.data(Source(seed=4))
    assert [truth[image.tobytes()] for image in data.inputs["image"]] == data.labels.tolist()


def test_trained_for_seconds_full_and_light_know_held_out_digits() -> None:
    held_out = WORKLOAD.data(Source(seed=0, held_out=True))
    trained = bench.digits(seed=0, held_out=held_out)
    accuracy = {name: WORKLOAD.metrics(logits, held_out.labels)["accuracy"] for name, logits in trained.items()}
    assert accuracy["full"] >= 0.97
    assert accuracy["light"] >= 0.94
