"""Federated rounds learn what the defaults promise: see `python -m bench.learning` for ten rounds of three seeds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import learning as bench
from bench.workloads import one_thread

FEW_ROUNDS = 2


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def test_seven_skewed_members_learn_the_digits_within_ten_rounds(tmp_path: Path) -> None:
    reached = []
    for metrics in bench.digits(seed=bench.SEEDS[0]).rounds(tmp_path):
        reached.append(metrics["all"]["accuracy"])
        if reached[-1] >= bench.WANTED:  # what comes after costs time and shows no more
            break
    assert reached[0] < 0.2  # the untrained model guesses
    assert reached[-1] >= bench.WANTED
    assert len(reached) - 1 <= bench.ROUNDS


def test_fusion_leads_every_single_modality_after_few_rounds() -> None:
    federation = bench.eldercare(seed=bench.SEEDS[0], rounds=FEW_ROUNDS)
    last = bench.run(federation)[-1]
    alone = [last[kind]["accuracy"] for kind in ("motion", "vision", "text")]
    own = [bench.accuracies(bench.run(bench.unimodal(federation, kind)))[-1] for kind in ("motion", "vision", "text")]
    assert last["all"]["accuracy"] >= max(*alone, *own) + 0.05
