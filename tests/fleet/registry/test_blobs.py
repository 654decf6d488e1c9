"""A blob's name is the hash of its bytes, and whoever sees the name sees all of them."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.registry.services import blobs
from fleet.registry.services.blobs import BlobMissing, BlobStore, WrongBytes

ROOT = Path(__file__).resolve().parents[3]
MISSING = "0" * 64


@pytest.fixture
def store(tmp_path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def drafts(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "blobs" / "drafts").glob("*"))


@given(data=st.binary(min_size=1, max_size=5000))
@settings(max_examples=25, deadline=None)
def test_what_was_put_comes_back_under_its_hash(tmp_path_factory, data):
    store = BlobStore(tmp_path_factory.mktemp("blobs"))
    name = store.put_bytes(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert (store.has(name), store.size(name), store.path(name).read_bytes()) == (True, len(data), data)
    with store.open_mapped(name) as mapped:
        assert mapped[:] == data


def test_a_blob_lies_where_the_design_says_and_cannot_be_written(store, tmp_path):
    name = store.put_bytes(b"weights")
    path = tmp_path / "blobs" / "sha256" / name[:2] / name[2:4] / name
    assert store.path(name) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert drafts(tmp_path) == []


def test_the_store_of_the_installation_is_in_its_data_folder(settings):
    assert blobs.store().path(MISSING).is_relative_to(settings.MUSTER_DATA_DIR / "blobs" / "sha256" / "00" / "00")


def test_a_file_is_copied_so_that_changing_it_changes_no_blob(store, tmp_path):
    source = tmp_path / "mine.safetensors"
    source.write_bytes(b"before")
    name = store.put_file(source)
    source.write_bytes(b"after!")
    assert store.path(name).read_bytes() == b"before"


def test_bytes_with_another_hash_than_announced_are_not_stored(store, tmp_path):
    source = tmp_path / "mine"
    source.write_bytes(b"something")
    with pytest.raises(WrongBytes) as caught:
        store.put_file(source, expected=MISSING)
    assert caught.value.sha256 == hashlib.sha256(b"something").hexdigest()
    assert not store.has(caught.value.sha256)
    assert drafts(tmp_path) == []


def test_putting_again_mends_a_blob_that_has_rotted(store):
    name = store.put_bytes(b"precious")
    store.path(name).chmod(0o600)
    store.path(name).write_bytes(b"precioux")
    assert store.put_bytes(b"precious") == name
    assert store.path(name).read_bytes() == b"precious"


@pytest.mark.parametrize(
    "name", ["", "abc", "../" * 20 + "etc/passwd", "A" * 64, "a" * 63 + "\n", "a" * 65, "a" * 64 + "\n"]
)
def test_what_is_no_hash_names_no_path(store, name):
    for question in (store.path, store.has, store.size, store.open_mapped):
        with pytest.raises(ValueError, match="hexadecimal"):
            question(name)


def test_a_missing_blob_is_said_to_be_missing(store):
    assert not store.has(MISSING)
    for question in (store.size, store.open_mapped):
        with pytest.raises(BlobMissing):
            question(MISSING)


def test_a_mapped_blob_outlives_its_replacement(store):
    name = store.put_bytes(b"x" * 10_000)
    with store.open_mapped(name) as mapped:
        store.put_bytes(b"x" * 10_000)
        store.path(name).unlink()
        assert mapped[:] == b"x" * 10_000


def test_of_many_who_bring_the_same_bytes_at_once_all_succeed_and_no_reader_sees_a_part(store, tmp_path):
    data = os.urandom(300_000)
    name = hashlib.sha256(data).hexdigest()
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if store.has(name):
                seen.add(hashlib.sha256(store.path(name).read_bytes()).digest())

    reader = threading.Thread(target=read)
    reader.start()
    names: list[str] = []
    writers = [threading.Thread(target=lambda: names.append(store.put_bytes(data))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    done.set()
    reader.join(30)
    assert names == [name] * 8
    assert seen <= {bytes.fromhex(name)}
    assert drafts(tmp_path) == []


PUT_FOR_EVER = """
import os, sys
from pathlib import Path
from fleet.registry.services.blobs import BlobStore
store = BlobStore(Path(sys.argv[1]))
while True:
    store.put_bytes(os.urandom(1 << 20))
    print(flush=True)
"""


def test_a_kill_at_any_moment_leaves_no_partial_blob(tmp_path):
    folder = tmp_path / "blobs"
    for wait in range(3):
        process = subprocess.Popen([sys.executable, "-c", PUT_FOR_EVER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(1 + 2 * wait):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
    named = [path for path in (folder / "sha256").rglob("*") if path.is_file()]
    assert len(named) >= 9
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in named)


def test_tidying_removes_what_a_crash_left_and_nothing_younger_than_an_hour(store, tmp_path):
    name = store.put_bytes(b"kept")
    with store.draft() as growing, store.draft() as left:
        long_ago = time.time() - 3700
        os.utime(left, (long_ago, long_ago))
        os.utime(store.path(name), (long_ago, long_ago))
        recent = time.time() - 3500
        os.utime(growing, (recent, recent))
        assert store.tidy() == 1
        assert drafts(tmp_path) == [growing]
        assert store.tidy() == 0
    assert store.has(name)


def test_an_empty_store_is_tidied_without_being_made(store, tmp_path):
    assert store.tidy() == 0
    assert not (tmp_path / "blobs").exists()
