"""Files get their name only when they are whole, and a full disk leaves what was there."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from agent.artifacts.shelf import RESERVE_BYTES, Shelf
from agent.faults import Damaged, ShelfFailed
from muster.wire.targets import Reason

DATA = os.urandom(3_000_000)
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "artifacts")


def fill(shelf: Shelf, data: bytes) -> None:
    part = shelf.open_part(NAME, len(DATA))
    part.append(data)
    part.close()


def finish(shelf: Shelf) -> None:
    part = shelf.open_part(NAME, len(DATA))
    try:
        shelf.finish(NAME, part)
    finally:
        part.close()


def test_a_part_is_continued_and_named_once_its_hash_holds(shelf: Shelf) -> None:
    fill(shelf, DATA[:1_000])
    assert not shelf.holds(NAME, len(DATA))
    assert shelf.have_bytes(NAME) == 1_000
    fill(shelf, DATA[1_000:])
    finish(shelf)
    assert shelf.holds(NAME, len(DATA))
    assert shelf.path(NAME).read_bytes() == DATA
    assert shelf.verify(NAME) >= 0


def test_other_bytes_get_no_name_and_are_gone(shelf: Shelf) -> None:
    fill(shelf, DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(Damaged) as caught:
        finish(shelf)
    assert caught.value.reason == Reason.DOWNLOAD_CORRUPT
    assert list(shelf.path(NAME).parent.iterdir()) == []


def test_a_part_that_is_longer_than_its_artifact_begins_anew(shelf: Shelf) -> None:
    fill(shelf, DATA + b"x")
    part = shelf.open_part(NAME, len(DATA))
    assert part.size_bytes == 0
    part.close()


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(DATA[:-1]), lambda path: path.unlink()])
def test_a_stored_file_that_changed_is_found_and_removed(shelf: Shelf, spoil: object) -> None:
    fill(shelf, DATA)
    finish(shelf)
    spoil(shelf.path(NAME))
    with pytest.raises(Damaged) as caught:
        shelf.verify(NAME)
    assert caught.value.reason == Reason.DISK_CORRUPT
    assert shelf.have_bytes(NAME) == 0


def test_a_write_that_the_disk_takes_half_of_leaves_the_part_as_it_was(tmp_path: Path) -> None:
    room = 1_500

    def write(file: BinaryIO, data: bytes) -> int:
        return file.write(data[:room])

    shelf = Shelf(tmp_path / "artifacts", write)
    part = shelf.open_part(NAME, len(DATA))
    part.append(DATA[:1_000])
    with pytest.raises(ShelfFailed) as caught:
        part.append(DATA[1_000:3_000])
    part.close()
    assert caught.value.reason == Reason.DISK_FULL
    assert shelf.have_bytes(NAME) == 1_000


def test_pruning_keeps_what_is_needed_in_whole_and_in_part(shelf: Shelf) -> None:
    fill(shelf, DATA)
    finish(shelf)
    other = hashlib.sha256(b"other").hexdigest()
    shelf.open_part(other, 5).close()
    third = hashlib.sha256(b"third").hexdigest()
    shelf.open_part(third, 5).close()
    shelf.claim(lambda: {NAME})
    shelf.claim(lambda: {third})
    assert shelf.prune() == 1
    assert {path.name for path in shelf.path(NAME).parent.iterdir()} == {NAME, f"{third}.part"}


def test_what_would_fill_the_disk_is_not_begun(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "artifacts", free=lambda folder: RESERVE_BYTES + len(DATA) - 1)
    with pytest.raises(ShelfFailed) as caught:
        shelf.open_part(NAME, len(DATA))
    assert caught.value.reason == Reason.DISK_FULL
    assert shelf.have_bytes(NAME) == 0
    shelf.open_part(NAME, len(DATA) - 1).close()
