"""PNG and JPEG files as samples, and what is said about those that do not fit."""

import dataclasses
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muster.workloads import catalogue, folders
from muster.workloads.declaration import Dataset, RawInput, Source, Tensor
from muster.workloads.folders import FolderError

DIGITS, ELDERCARE = catalogue.get("digits"), catalogue.get("eldercare")

GRADIENT = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)


def digits(folder: Path) -> Dataset:
    return DIGITS.data(Source(seed=1, folder=folder))


def save(path: Path, pixels: np.ndarray = GRADIENT, **how) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(pixels).save(path, **how)


def test_a_grey_image_of_the_right_size_comes_as_it_is(tmp_path: Path) -> None:
    save(tmp_path / "one.png")
    data = digits(tmp_path)
    assert np.array_equal(data.inputs["image"], (GRADIENT / np.float32(255))[None, None])
    assert data.inputs["image"].dtype == np.float32
    assert data.labels.tolist() == [-1]


def test_subfolders_are_classes_and_flat_files_are_unknown(tmp_path: Path) -> None:
    for name in ("7/b.png", "7/a.JPG", "0/c.jpeg", "z.png"):
        save(tmp_path / name)
    assert digits(tmp_path).labels.tolist() == [-1, 0, 7, 7]


def test_flat_files_are_unknown_even_in_a_folder_named_as_a_class(tmp_path: Path) -> None:
    save(tmp_path / "7" / "a.png")
    assert digits(tmp_path / "7").labels.tolist() == [-1]


def test_colours_become_grey_and_sizes_the_declared_one(tmp_path: Path) -> None:
    left, right = np.zeros((40, 20, 3), np.uint8), np.full((40, 20, 3), 255, np.uint8)
    save(tmp_path / "wide.png", np.concatenate([left, right], axis=1))
    image = digits(tmp_path).inputs["image"][0, 0]
    assert image.shape == (8, 8)
    assert image[:, :3].max() < 0.1
    assert image[:, 5:].min() > 0.9


def test_16_bits_keep_what_is_bright(tmp_path: Path) -> None:
    save(tmp_path / "deep.png", np.full((8, 8), 32768, np.uint16))
    assert digits(tmp_path).inputs["image"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_png_is_read(tmp_path: Path, mode: str) -> None:
    Image.new("L", (9, 7), 255).convert(mode).save(tmp_path / "own.png")
    assert digits(tmp_path).inputs["image"] == pytest.approx(1, abs=0.01)


def test_a_workload_of_colours_gets_colours_channel_by_channel(tmp_path: Path) -> None:
    colours = RawInput(Tensor("image", (3, 4, 6)), modality="vision", home="terminal", may_leave=True)
    workload = dataclasses.replace(DIGITS, inputs=(colours,))
    save(tmp_path / "own.png", np.tile(np.array([255, 51, 0], np.uint8), (8, 12, 1)))
    image = folders.read(workload, Source(seed=0, folder=tmp_path)).inputs["image"][0]
    assert image.shape == (3, 4, 6)
    assert image[:, 2, 3] == pytest.approx([1, 0.2, 0])


def test_a_camera_held_sideways_is_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    save(tmp_path / "own.png", exif=exif)
    assert np.array_equal(digits(tmp_path).inputs["image"][0, 0], GRADIENT[::-1, ::-1] / np.float32(255))


def test_silhouettes_alone_leave_the_other_modalities_absent(tmp_path: Path) -> None:
    save(tmp_path / "fall" / "a.png")
    data = ELDERCARE.data(Source(seed=0, folder=tmp_path))
    assert data.inputs["silhouette"].shape == (1, 1, 16, 16)
    assert data.labels.tolist() == [5]
    assert (data.present["vision"].all(), data.present["motion"].any(), data.present["text"].any()) == (
        True,
        False,
        False,
    )


def test_a_folder_that_is_no_class_is_named(tmp_path: Path) -> None:
    save(tmp_path / "seven" / "a.png")
    with pytest.raises(FolderError, match="there is no class 'seven'; classes are 0, 1, 2"):
        digits(tmp_path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8000, 8000, 8, 0, 0, 0, 0))
    (tmp_path / "own.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    with pytest.raises(FolderError, match=r"own.png: 8000×8000 pixels are more than 50,000,000, the limit"):
        digits(tmp_path)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0 no image"])
def test_what_is_no_image_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "own.png").write_bytes(data)
    with pytest.raises(FolderError, match=r"own.png: it cannot be read"):
        digits(tmp_path)


def test_images_that_fit_no_input_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "own.png")
    sound = RawInput(Tensor("image", (1, 8, 8)), modality="sound", home="terminal", may_leave=True)
    with pytest.raises(FolderError, match="images do not fit digits: it has 0 inputs of images"):
        folders.read(dataclasses.replace(DIGITS, inputs=(sound,)), Source(seed=0, folder=tmp_path))


@settings(deadline=None)  # the first call pays for imports
@given(st.data())
def test_a_damaged_image_is_read_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, data) -> None:
    folder = tmp_path_factory.mktemp("own")
    name = data.draw(st.sampled_from(["own.png", "own.jpg"]))
    save(folder / name)
    damaged = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        assert np.isfinite(digits(folder).inputs["image"]).all()
    except FolderError as error:
        assert str(folder) in str(error)


def test_mixed_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"it holds no .npz, .csv, .png, .jpg or .jpeg file"):
        digits(tmp_path)
    save(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("label\n")
    with pytest.raises(FolderError, match="it holds both images and tables; keep one"):
        digits(tmp_path)


def test_a_subfolder_named_after_the_workload_is_meant(tmp_path: Path) -> None:
    save(tmp_path / "digits" / "7" / "a.png")
    save(tmp_path / "eldercare" / "a.png")
    save(tmp_path / "eldercare" / "fall" / "b.png")
    assert digits(tmp_path).labels.tolist() == [7]
    assert ELDERCARE.data(Source(seed=0, folder=tmp_path)).labels.tolist() == [-1, 5]


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / ".thumbs" / "b.png")
    (tmp_path / "._a.png").write_bytes(b"left by another system")
    (tmp_path / "README.txt").write_text("ours")
    os.mkfifo(tmp_path / "pipe.csv")  # reading it would wait for ever
    assert len(digits(tmp_path)) == 1


def test_files_too_large_together_are_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(FolderError, match="256 MiB of files are more than 256 MiB, the limit"):
        digits(tmp_path)


def test_a_folder_that_is_none_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        digits(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file"):
        digits(tmp_path / "file")
