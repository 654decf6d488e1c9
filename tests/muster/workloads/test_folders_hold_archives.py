"""`.npz` files as samples, and what is said about those that do not fit."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster.workloads import catalogue
from muster.workloads.declaration import Dataset, Source
from muster.workloads.folders import FolderError, parts

DIGITS, ELDERCARE = catalogue.get("digits"), catalogue.get("eldercare")

IMAGES = np.random.default_rng(1).random((5, 1, 8, 8))


def digits(folder: Path, limit: int | None = None) -> Dataset:
    return DIGITS.data(Source(seed=1, folder=folder, limit=limit))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_and_labels_come_as_they_are(tmp_path: Path, save) -> None:
    save(tmp_path / "a.npz", image=IMAGES, labels=np.array([3, -1, 0, 9, 1], np.int8))
    data = digits(tmp_path)
    assert np.array_equal(data.inputs["image"], IMAGES.astype(np.float32))
    assert data.inputs["image"].dtype == np.float32
    assert data.labels.tolist() == [3, -1, 0, 9, 1]
    assert data.present["vision"].all()
    assert not data.synthetic


def test_without_labels_all_are_unknown(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=IMAGES)
    assert digits(tmp_path).labels.tolist() == [-1] * 5


def test_files_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, label in (("b.npz", 2), ("a.npz", 1), ("c.npz", 3)):
        np.savez(tmp_path / name, image=IMAGES[:2], labels=np.full(2, label))
    assert digits(tmp_path).labels.tolist() == [1, 1, 2, 2, 3, 3]


def test_a_lone_channel_may_be_left_out_and_bytes_become_fractions(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.full((2, 8, 8), 255, np.uint8))
    assert np.array_equal(digits(tmp_path).inputs["image"], np.ones((2, 1, 8, 8), np.float32))


def test_any_order_in_memory_and_of_bytes_is_read_alike(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.asfortranarray(IMAGES).astype(">f8"))
    assert np.array_equal(digits(tmp_path).inputs["image"], IMAGES.astype(np.float32))


def test_an_input_that_no_file_gives_is_absent(tmp_path: Path) -> None:
    motion, note = np.ones((2, 3, 64), np.float16), np.full((3, 12), 5)
    np.savez(tmp_path / "a.npz", motion=motion)
    np.savez(tmp_path / "b.npz", note=note)
    data = ELDERCARE.data(Source(seed=0, folder=tmp_path))
    assert data.present["motion"].tolist() == [True, True, False, False, False]
    assert data.present["text"].tolist() == [False, False, True, True, True]
    assert not data.present["vision"].any()
    assert data.inputs["note"].dtype == np.int64
    assert {len(values) for values in data.inputs.values()} == {5}


def test_a_limit_chooses_by_the_seed_and_keeps_samples_whole(tmp_path: Path) -> None:
    labels = np.arange(100) % 10
    np.savez(tmp_path / "a.npz", image=np.repeat(labels, 64).reshape(100, 1, 8, 8) / 10, labels=labels)
    one, again, other = (DIGITS.data(Source(seed=seed, folder=tmp_path, limit=30)) for seed in (1, 1, 2))
    assert len(one) == len(one.present["vision"]) == 30
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.labels, other.labels)
    assert np.allclose(one.inputs["image"][:, 0, 0, 0], one.labels / 10)


def test_own_files_have_no_held_out_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=IMAGES)
    with pytest.raises(FolderError, match="no held-out part"):
        DIGITS.data(Source(seed=1, folder=tmp_path, held_out=True))


WRONG = {
    "another input": ({"picture": IMAGES}, "it holds 'picture.npy'; arrays are image, labels"),
    "labels alone": ({"labels": np.arange(5)}, "none of the inputs image"),
    "another shape": ({"image": IMAGES[:, :, :7]}, r"image has the shape \(5, 1, 7, 8\); \(N, 1, 8, 8\) is wanted"),
    "no dimension": ({"image": np.array(1.0)}, r"image has the shape \(\)"),
    "texts": ({"image": np.full((5, 1, 8, 8), "1")}, "image.npy holds str.*; numbers are wanted"),
    "complex numbers": ({"image": IMAGES * 1j}, "image.npy holds complex128; numbers are wanted"),
    "not a number": ({"image": np.where(IMAGES > 0.5, np.nan, 0)}, "sample 0: image holds nan, which is no finite"),
    "infinite as float32": ({"image": IMAGES * 0 + 1e300}, r"sample 0: image holds 1e\+300, which is no finite"),
    "lengths": ({"image": IMAGES, "labels": np.arange(4)}, "arrays differ in length: image 5, labels 4"),
    "a label too high": ({"image": IMAGES, "labels": np.arange(5) + 6}, "sample 4: the label 10 is neither a class 0"),
    "a label too low": ({"image": IMAGES, "labels": np.arange(5) - 2}, "sample 0: the label -2 is neither"),
    "labels of floats": ({"image": IMAGES, "labels": np.zeros(5)}, r"labels holds float64 .* integers are wanted"),
    "labels in rows": ({"image": IMAGES, "labels": np.zeros((5, 1), int)}, r"of the shape \(5, 1\)"),
    "nothing": ({"image": IMAGES[:0]}, "the files hold no sample"),
    "no array": ({}, "none of the inputs image"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named(tmp_path: Path, case: str) -> None:
    arrays, message = WRONG[case]
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(FolderError, match=message) as caught:
        digits(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.full((1, 12), 83), "sample 0: note holds 83, which is not within 0 and 82"),
        (np.full((1, 12), -1), "sample 0: note holds -1"),
        (np.ones((1, 12)), "note holds float64; int64 is wanted"),
        (np.full((1, 12), 2**64 - 1, np.uint64), "sample 0: note holds 18446744073709551615"),
    ],
)
def test_ids_must_be_words(tmp_path: Path, ids: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "own.npz", note=ids)
    with pytest.raises(FolderError, match=message):
        ELDERCARE.data(Source(seed=0, folder=tmp_path))


class Bomb:
    """Unpickling it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_objects_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    archive(tmp_path / "own.npz", {"image.npy": npy(np.array([Bomb(tmp_path / "gone-off")] * 5, dtype=object))})
    with pytest.raises(FolderError, match=r"image.npy holds object; numbers are wanted"):
        digits(tmp_path)
    archive(tmp_path / "own.npz", {"image.npy": pickle.dumps(Bomb(tmp_path / "gone-off"))})
    with pytest.raises(FolderError, match="cannot be read"):
        digits(tmp_path)
    assert not (tmp_path / "gone-off").exists()


def test_a_header_that_lies_about_its_size_costs_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**13, 1, 8, 8)})
    archive(tmp_path / "own.npz", {"image.npy": header.getvalue() + b"short"})
    with pytest.raises(FolderError, match="but has 5 bytes"):
        digits(tmp_path)


def test_what_would_unpack_into_too_much_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch) -> None:
    np.savez_compressed(tmp_path / "own.npz", image=np.zeros((5000, 1, 8, 8)))
    monkeypatch.setattr("muster.workloads.folders.archives.MAX_BYTES", 1 << 20)
    with pytest.raises(FolderError, match="2 MiB unpacked are more than 1 MiB, the limit"):
        digits(tmp_path)


def test_too_many_samples_are_refused_in_one_file_and_in_all(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((parts.MAX_SAMPLES + 1, 8, 8), np.uint8))
    with pytest.raises(FolderError, match=r"a.npz: 20,001 samples are more than 20,000, the limit"):
        digits(tmp_path)
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / name, image=np.zeros((10_001, 8, 8), np.uint8))
    with pytest.raises(FolderError, match=r"as of b.npz, 20,002 samples are more than 20,000, the limit"):
        digits(tmp_path)


def test_files_that_unpack_into_too_much_together_are_refused(tmp_path: Path, monkeypatch) -> None:
    for name in ("a.npz", "b.npz"):
        np.savez_compressed(tmp_path / name, image=np.zeros((2500, 8, 8), np.uint8))
    monkeypatch.setattr(parts, "MAX_BYTES", 1 << 20)
    with pytest.raises(FolderError, match=r"as of b.npz, 1 MiB in memory are more than 1 MiB, the limit"):
        digits(tmp_path)


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "own.npz", "w") as file:
        for _ in range(2):
            file.writestr("image.npy", npy(IMAGES))
    with pytest.raises(FolderError, match="holds image twice"):
        digits(tmp_path)


VALID = io.BytesIO()
np.savez_compressed(VALID, image=IMAGES[:1], labels=np.array([1]))


@settings(deadline=None)  # the first call pays for imports
@given(st.data())
def test_a_damaged_archive_is_read_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, data) -> None:
    damaged = bytearray(VALID.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.npz").write_bytes(damaged)
    try:
        assert len(digits(folder)) == 1
    except FolderError as error:
        assert str(folder) in str(error)


@settings(deadline=None)  # the first call pays for imports
@given(header=st.binary(max_size=80))
def test_any_bytes_as_an_array_are_refused_by_name(tmp_path_factory: pytest.TempPathFactory, header: bytes) -> None:
    folder = tmp_path_factory.mktemp("own")
    archive(folder / "own.npz", {"image.npy": b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header})
    with pytest.raises(FolderError, match=r"own\.npz"):
        digits(folder)
