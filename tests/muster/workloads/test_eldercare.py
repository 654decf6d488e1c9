"""The generated homes: reproducible, incomplete and mislabelled at the stated rates, and physically sensible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster.workloads import catalogue
from muster.workloads.declaration import Source
from muster.workloads.eldercare import CLASSES, data, notes

WORKLOAD = catalogue.get("eldercare")
MANY = 8_000


@pytest.fixture(scope="module")
def many():
    return data.generate([7, 7], MANY, residents=50, label_noise=0.0)


def of(many, name: str, label: str) -> np.ndarray:
    """Return one class's values of an input, of samples that have it."""
    modality = next(raw.modality for raw in WORKLOAD.inputs if raw.tensor.name == name)
    return many.inputs[name][(many.labels == CLASSES.index(label)) & many.present[modality]]


def test_arrays_are_as_declared() -> None:
    for source in (Source(seed=3), Source(seed=3, held_out=True), Source(seed=3, limit=5)):
        dataset = WORKLOAD.data(source)
        for raw in WORKLOAD.inputs:
            values = dataset.inputs[raw.tensor.name]
            assert values.shape == (len(dataset), *raw.tensor.shape)
            assert values.dtype == raw.tensor.dtype
            assert np.isfinite(values).all()
        assert set(dataset.present) == {raw.modality for raw in WORKLOAD.inputs}
        assert dataset.labels.dtype == np.int64
        assert dataset.synthetic


def test_a_seed_is_a_home_and_the_held_out_part_is_nobodys() -> None:
    one, again, other = (WORKLOAD.data(Source(seed=seed)) for seed in (1, 1, 2))
    held_out, same = (WORKLOAD.data(Source(seed=seed, held_out=True)) for seed in (1, 2))
    for name, values in one.inputs.items():
        assert np.array_equal(values, again.inputs[name])
        assert not np.array_equal(values, other.inputs[name])
        assert np.array_equal(held_out.inputs[name], same.inputs[name])
    assert not np.array_equal(held_out.inputs["motion"][: len(one)], one.inputs["motion"])


def test_modalities_are_missing_at_the_stated_rates_and_never_all(many) -> None:
    for modality in ("vision", "text"):
        assert np.mean(~many.present[modality]) == pytest.approx(data.MISSING[modality], abs=0.01)
    kept = data.MISSING["motion"] * (1 - data.MISSING["vision"] * data.MISSING["text"])
    assert np.mean(~many.present["motion"]) == pytest.approx(kept, abs=0.01)
    assert np.any(list(many.present.values()), axis=0).all()


def test_zeros_alone_mean_absent(many) -> None:
    for raw in WORKLOAD.inputs:
        there = (many.inputs[raw.tensor.name] != 0).reshape(MANY, -1).any(axis=1)
        assert np.array_equal(there, many.present[raw.modality])


def test_labels_are_noisy_at_the_stated_rate_in_the_training_part_alone() -> None:
    def labels(noise: float) -> np.ndarray:
        return data.generate([0, 1], 4000, residents=2, label_noise=noise).labels

    assert np.mean(labels(data.LABEL_NOISE) != labels(0.0)) == pytest.approx(data.LABEL_NOISE, abs=0.01)
    held_out = data.generate([data.HELD_OUT, data.HELD_OUT_SEED], data.HELD_OUT_SAMPLES, data.HELD_OUT_RESIDENTS, 0.0)
    assert np.array_equal(held_out.labels, WORKLOAD.data(Source(seed=0, held_out=True)).labels)


def test_the_classes_are_balanced(many) -> None:
    assert np.bincount(many.labels) / MANY == pytest.approx(np.full(len(CLASSES), 1 / len(CLASSES)), abs=0.01)


def test_a_resting_wearable_feels_one_g(many) -> None:
    strength = np.linalg.norm(of(many, "motion", "lying_still"), axis=1)  # (N, T)
    assert np.median(strength) == pytest.approx(1, abs=0.01)


def test_only_who_lies_is_turned_by_a_right_angle(many) -> None:
    along_body = {label: np.median(of(many, "motion", label)[:, 0].mean(axis=1)) for label in CLASSES}
    assert along_body["wandering"] > 0.9
    assert abs(along_body["lying_still"]) < 0.1


def test_a_fall_hits_harder_than_anything_else(many) -> None:
    peaks = {label: np.linalg.norm(of(many, "motion", label), axis=1).max(axis=1) for label in CLASSES}
    assert np.median(peaks["fall"]) > 1.1 * max(np.median(peaks[label]) for label in CLASSES if label != "fall")


def test_steps_show_at_the_pace_of_walking(many) -> None:
    upright = of(many, "motion", "wandering")[:, 0]
    spectrum = np.abs(np.fft.rfft(upright - upright.mean(axis=1, keepdims=True), axis=1)).mean(axis=0)
    assert 1.2 <= np.fft.rfftfreq(upright.shape[1], 1 / 25)[spectrum.argmax()] <= 2.2


def test_silhouettes_lie_low_and_stand_tall(many) -> None:
    def rows_covered(label: str) -> float:
        return float(np.median((of(many, "silhouette", label)[:, 0] > 0.5).any(axis=2).sum(axis=1)))

    def height(label: str) -> float:
        image = of(many, "silhouette", label)[:, 0]
        return float(np.median((image.sum(axis=2) * np.arange(16)).sum(axis=1) / image.sum(axis=(1, 2))))

    assert rows_covered("wandering") >= 12
    assert rows_covered("lying_still") <= 6
    assert height("lying_still") > height("resting") > height("wandering")  # rows count downwards


def test_notes_are_vague_or_contradict_at_the_stated_rates(many) -> None:
    told = of(many, "note", "fall")
    fell = np.mean((told == notes.VOCABULARY.index("fell")).any(axis=1))
    truthful = 1 - notes.VAGUE_SHARE - notes.CONTRADICTING_SHARE
    assert fell == pytest.approx(truthful / len(notes.TELLING["fall"]), abs=0.03)
    sleeps = np.mean((told == notes.VOCABULARY.index("sleeps")).any(axis=1))
    assert sleeps == pytest.approx(notes.CONTRADICTING_SHARE / 5 / len(notes.TELLING["resting"]), abs=0.01)


def test_notes_speak_of_the_classes_in_their_order() -> None:
    assert tuple(notes.TELLING) == CLASSES


def test_every_word_of_a_generated_note_is_known(many) -> None:
    assert not (many.inputs["note"] == notes.UNKNOWN).any()


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_becomes_ids_of_the_vocabulary(text: str) -> None:
    ids = notes.encode(text)
    assert len(ids) == notes.LENGTH
    assert all(0 <= word < len(notes.VOCABULARY) for word in ids)
    assert (max(ids) == 0) == (notes.words(text) == [])


def test_words_are_found_whatever_their_case_and_punctuation() -> None:
    assert notes.encode("SHE, fell!!") == notes.encode("she fell")
    assert [notes.VOCABULARY[word] for word in notes.encode("she zigzagged home")[:3]] == ["she", "<unknown>", "home"]


def test_the_vocabulary_never_changes_within_a_version() -> None:
    """A changed word list gives published weights another meaning: then raise the workload's version."""
    assert (WORKLOAD.version, len(notes.VOCABULARY), notes.VOCABULARY[2], notes.VOCABULARY[-1]) == (1, 83, "a", "with")
