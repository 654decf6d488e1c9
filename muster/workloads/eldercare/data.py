"""The eldercare samples: generated from a seed, or a device's own files.

A seed is one home with its residents. Nothing is anybody's: motion, silhouette and note of a
sample are drawn independently of each other, given what happens and who lives there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import Dataset, Source
from muster.workloads.eldercare import CLASSES, WORKLOAD, motion, notes, silhouette
from muster.workloads.eldercare.residents import Residents

if TYPE_CHECKING:
    import numpy as np

HOME_SAMPLES = 600
HOME_RESIDENTS = 2
POOL_HOMES = 7  # whose samples are one pool where members get parts of it
HELD_OUT_SAMPLES = 1200
HELD_OUT_RESIDENTS = 40  # nobody of whom lives in a home that a node trains on

# First word of the seeds, so that no node's seed can yield the held-out part.
TRAINING, HELD_OUT, POOL = 0, 1, 2
HELD_OUT_SEED = 64

# How often a sample lacks a modality: the wearable lies on the table, nobody is in view, no note was written.
MISSING = {"motion": 0.10, "vision": 0.15, "text": 0.25}

LABEL_NOISE = 0.05  # of the training part; who labelled was not always there

INPUTS = {raw.modality: raw.tensor.name for raw in WORKLOAD.inputs}


def read(source: Source) -> Dataset:
    """Return the held-out part, the samples of one home, a member's part of a pool, or the samples of a folder."""
    if source.folder is not None:
        from muster.workloads import folders

        return folders.read(WORKLOAD, source, encoders={"note": notes.encode})
    if source.held_out:
        return generate([HELD_OUT, HELD_OUT_SEED], HELD_OUT_SAMPLES, HELD_OUT_RESIDENTS, 0.0).take(slice(source.limit))
    if source.partition is not None:
        from muster.training import partition

        return partition.part(_pool(source.partition.seed), source.partition).take(slice(source.limit))
    return generate([TRAINING, source.seed], HOME_SAMPLES, HOME_RESIDENTS, LABEL_NOISE).take(slice(source.limit))


@lru_cache(maxsize=1)  # members that are simulated in one process ask for it one after another
def _pool(seed: int) -> Dataset:
    """Return what members of a partition share among them."""
    return generate([POOL, seed], POOL_HOMES * HOME_SAMPLES, POOL_HOMES * HOME_RESIDENTS, LABEL_NOISE)


def generate(seed: list[int], samples: int, residents: int, label_noise: float) -> Dataset:
    """Return samples with classes in equal shares on average.

    Args:
        seed: of everything; numbers from 0.
        residents: how many people the samples are of.
        label_noise: share of labels that are replaced by another class.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    people = Residents.draw(rng, residents).of(rng.integers(residents, size=samples))
    truth = rng.integers(len(CLASSES), size=samples)
    inputs = {
        "motion": motion.draw(rng, truth, people),
        "silhouette": silhouette.draw(rng, truth, people),
        "note": notes.draw(rng, truth),
    }
    present = _present(rng, samples)
    for modality, there in present.items():
        inputs[INPUTS[modality]][~there] = 0
    return Dataset(inputs, _mislabelled(rng, truth, label_noise), present, synthetic=True)


def _present(rng: np.random.Generator, samples: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return who is there; a sample that would have nothing keeps its motion."""
    present = {modality: rng.random(samples) >= rate for modality, rate in MISSING.items()}
    present["motion"] |= ~(present["vision"] | present["text"])
    return present


def _mislabelled(rng: np.random.Generator, truth: np.ndarray[Any, Any], share: float) -> np.ndarray[Any, Any]:
    import numpy as np

    wrong = (truth + rng.integers(1, len(CLASSES), size=len(truth))) % len(CLASSES)
    return np.where(rng.random(len(truth)) < share, wrong, truth)
