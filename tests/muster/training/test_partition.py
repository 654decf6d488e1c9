"""One set of samples cut among members: all of it, nothing twice, skewed as alpha says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.training.partition import LEAST_SAMPLES, split
from muster.wire.work import Partition
from muster.workloads import catalogue
from muster.workloads.declaration import Dataset, Source
from muster.workloads.digits.data import training_part


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=200),
    members=st.integers(1, 40),
    alpha=st.sampled_from([0.001, 0.3, 1.0, 1000.0]),
    seed=st.integers(0, 2**53 - 1),
)
def test_parts_cover_everything_once_and_leave_nobody_out(labels, members: int, alpha: float, seed: int) -> None:
    members = min(members, len(labels))
    parts = split(np.array(labels), alpha=alpha, members=members, seed=seed)
    assert len(parts) == members
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    assert min(map(len, parts)) >= min(LEAST_SAMPLES, len(labels) // members)
    again = split(np.array(labels), alpha=alpha, members=members, seed=seed)
    assert all((one == two).all() for one, two in zip(parts, again, strict=True))


def largest_share(parts: list[np.ndarray], labels: np.ndarray) -> float:
    """Return the mean over members of the share that its most frequent class has."""
    return float(np.mean([np.bincount(labels[part]).max() / len(part) for part in parts]))


def test_small_alpha_skews_and_large_alpha_does_not() -> None:
    labels = np.repeat(np.arange(10), 200)
    shares = [largest_share(split(labels, alpha=a, members=7, seed=1), labels) for a in (0.05, 0.3, 3.0, 1000.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.5
    assert shares[-1] < 0.13


def test_shares_of_a_class_are_those_of_the_distribution() -> None:
    labels = np.zeros(1000, int)
    drawn = np.array([[len(p) for p in split(labels, alpha=2.0, members=4, seed=s)] for s in range(400)]) / 1000
    assert drawn.mean() == pytest.approx(1 / 4)
    # Of Dirichlet(a, …, a) over k: (1/k)(1 − 1/k) / (k·a + 1) = 0.0208.
    assert drawn.var(axis=0).mean() == pytest.approx(0.25 * 0.75 / 9, rel=0.15)


def member(workload: str, index: int, *, seed: int = 1, members: int = 7, limit: int | None = None) -> Dataset:
    part = Partition(300_000, members, index, seed)
    return catalogue.get(workload).data(Source(seed=index, partition=part, limit=limit))


def rows(dataset: Dataset) -> list[bytes]:
    return [b"".join(values[i].tobytes() for values in dataset.inputs.values()) for i in range(len(dataset))]


def test_the_digits_training_part_is_shared_out_whole() -> None:
    held = [row for index in range(7) for row in rows(member("digits", index))]
    assert sorted(held) == sorted(rows(training_part()))


def test_a_pool_of_eldercare_is_shared_out_and_none_of_it_is_held_out() -> None:
    parts = [member("eldercare", index) for index in range(7)]
    assert sum(map(len, parts)) == 4200
    assert all(part.synthetic for part in parts)
    # Notes repeat; no two wearables ever measured the same.
    worn = [row for part in parts for row in rows(part.take(part.present["motion"]))]
    assert len(set(worn)) == len(worn)
    held_out = catalogue.get("eldercare").data(Source(seed=0, held_out=True))
    assert not set(worn) & set(rows(held_out.take(held_out.present["motion"])))


@pytest.mark.parametrize("workload", ["digits", "eldercare"])
def test_a_part_depends_on_the_partition_alone(workload: str) -> None:
    assert rows(member(workload, 2)) == rows(member(workload, 2))
    assert rows(member(workload, 2)) != rows(member(workload, 2, seed=2))
    assert rows(member(workload, 2)) != rows(member(workload, 2, members=8))
    assert rows(member(workload, 2, limit=5)) == rows(member(workload, 2))[:5]


def test_who_is_none_of_the_members_or_one_too_many_is_told() -> None:
    with pytest.raises(ValueError, match="member 7 is none of 7"):
        member("digits", 7)
    with pytest.raises(ValueError, match="cannot be parted among 2000 members"):
        member("digits", 0, members=2000)


def test_a_folder_of_the_device_comes_first(tmp_path) -> None:
    np.savez(tmp_path / "own.npz", image=np.zeros((3, 1, 8, 8), np.float32), labels=np.array([1, 2, 3]))
    source = Source(seed=0, folder=tmp_path, partition=Partition(300_000, 7, 0, 1))
    assert len(catalogue.get("digits").data(source)) == 3
