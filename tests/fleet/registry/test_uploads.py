"""An upload is whole and true whatever happens on the way, and what was counted is on disk."""

import hashlib
import os
import random
import time
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fleet.registry.models import Upload
from fleet.registry.services import blobs, parts, uploads
from fleet.registry.services.parts import DiskFull, TooMuch, WrongHash, WrongOffset
from fleet.trust.models import Event
from fleet.trust.services.errors import InvalidInput
from tests.conftest import TESTS
from tests.fleet.registry.at_once import at_once

DATA = random.Random(7).randbytes(1000)


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    """The folder of the installation's files, empty."""
    settings.MUSTER_DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def begin(root):
    def begin(data: bytes = DATA, **options) -> Upload:
        wanted = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} | options
        return uploads.create(actor=TESTS, site=root, **wanted)

    return begin


def part(files, upload):
    return files / "uploads" / f"{upload.pk}.part"


def test_the_pieces_of_a_file_become_one_blob(begin, django_capture_on_commit_callbacks, files):
    upload = begin()
    for start in range(0, 1000, 300):
        with django_capture_on_commit_callbacks(execute=True):
            upload = uploads.append(upload, offset=start, data=DATA[start : start + 300])
        assert upload.received_bytes == min(start + 300, 1000)
    assert upload.state == Upload.State.COMPLETE
    assert blobs.store().path(upload.sha256).read_bytes() == DATA
    assert not part(files, upload).exists()


@pytest.mark.parametrize("offset", [0, 1, 299, 301, 1000, 1 << 62])
def test_a_piece_at_another_offset_is_refused_with_the_right_one(begin, files, offset):
    upload = uploads.append(begin(), offset=0, data=DATA[:300])
    with pytest.raises(WrongOffset) as caught:
        uploads.append(upload, offset=offset, data=b"x" * 10)
    assert (caught.value.offset, caught.value.fields) == (300, {"offset": ["300"]})
    assert part(files, upload).read_bytes() == DATA[:300]


def test_more_than_was_announced_is_refused_and_not_written(begin, files):
    upload = uploads.append(begin(), offset=0, data=DATA[:900])
    with pytest.raises(TooMuch):
        uploads.append(upload, offset=900, data=b"x" * 101)
    assert part(files, upload).stat().st_size == 900
    assert uploads.append(upload, offset=900, data=DATA[900:]).state == Upload.State.COMPLETE


def test_bytes_with_another_hash_are_refused_for_good_and_told(begin):
    upload = begin(sha256="0" * 64)
    with pytest.raises(WrongHash):
        uploads.append(upload, offset=0, data=DATA)
    upload.refresh_from_db()
    actual = hashlib.sha256(DATA).hexdigest()
    assert (upload.state, actual in upload.refusal) == (Upload.State.REFUSED, True)
    assert not blobs.store().has(actual)
    event = Event.objects.get(verb="upload.refused")
    assert (event.target_id, event.site, event.reason) == (upload.pk, upload.site, upload.refusal)
    with pytest.raises(WrongOffset):
        uploads.append(upload, offset=0, data=DATA)


def test_bytes_that_a_crash_left_uncounted_are_written_over(begin, files):
    upload = uploads.append(begin(), offset=0, data=DATA[:300])
    with part(files, upload).open("ab") as file:  # written and synced, and then the process was killed
        file.write(b"other bytes of a piece that was never answered")
    upload = uploads.append(Upload.objects.get(), offset=300, data=DATA[300:])
    assert upload.state == Upload.State.COMPLETE
    assert blobs.store().path(upload.sha256).read_bytes() == DATA


@pytest.mark.parametrize("by", ["the reconciler", "an empty piece"])
def test_a_whole_file_that_a_crash_left_unnamed_is_completed(begin, files, by):
    upload = begin()
    part(files, upload).parent.mkdir()
    part(files, upload).write_bytes(DATA)
    Upload.objects.update(received_bytes=1000)  # the last piece was counted, then the process was killed
    if by == "the reconciler":
        uploads.reconcile()
    else:
        uploads.append(upload, offset=1000, data=b"")
    upload.refresh_from_db()
    assert upload.state == Upload.State.COMPLETE
    assert blobs.store().has(upload.sha256)


def test_a_complete_upload_says_so_again_to_whoever_missed_the_answer(begin):
    upload = uploads.append(begin(), offset=0, data=DATA)
    assert uploads.append(upload, offset=1000, data=b"").state == Upload.State.COMPLETE
    with pytest.raises(TooMuch):
        uploads.append(upload, offset=1000, data=b"x")


def test_bytes_that_were_lost_under_it_are_asked_for_again(begin, files):
    upload = uploads.append(begin(), offset=0, data=DATA[:300])
    os.truncate(part(files, upload), 120)
    with pytest.raises(WrongOffset) as caught:
        uploads.append(upload, offset=300, data=DATA[300:])
    assert caught.value.offset == Upload.objects.get().received_bytes == 120
    assert uploads.append(upload, offset=120, data=DATA[120:]).state == Upload.State.COMPLETE


@given(
    plan=st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["answered", "unanswered", "uncounted"])), max_size=9)
)
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_cut_and_any_loss_on_the_way_gives_the_same_file(begin, files, plan):
    upload, known = begin(), 0
    for size, fate in [*plan, (1000, "answered")]:
        piece = DATA[known : known + size]
        if fate == "uncounted" and known == Upload.objects.get(pk=upload.pk).received_bytes:
            path = part(files, upload)
            path.parent.mkdir(exist_ok=True)
            path.touch()
            with path.open("r+b") as file:
                file.seek(known)
                file.write(piece[::-1])  # torn: not even the bytes that were sent
        if fate == "uncounted":
            continue
        try:
            upload = uploads.append(upload, offset=known, data=piece)
        except WrongOffset as wrong:
            known = wrong.offset
            upload = uploads.append(upload, offset=known, data=DATA[known : known + size])
        if fate == "answered":
            known = upload.received_bytes
    assert upload.state == Upload.State.COMPLETE
    assert blobs.store().path(upload.sha256).read_bytes() == DATA


@pytest.mark.django_db(transaction=True)
def test_of_many_pieces_at_once_for_one_place_one_wins(begin):
    upload = uploads.append(begin(), offset=0, data=DATA[:500])
    pieces = [DATA[500:900], *(bytes([number]) * 400 for number in range(5))]
    outcomes = at_once(*(partial(uploads.append, upload, offset=500, data=piece) for piece in pieces))
    assert outcomes == {"done": 1, "wrong_offset": 5}
    assert Upload.objects.get().received_bytes == 900


@pytest.mark.django_db(transaction=True)
def test_of_many_last_pieces_at_once_one_completes_it(begin):
    upload = begin()
    outcomes = at_once(*(partial(uploads.append, upload, offset=0, data=DATA) for _ in range(5)))
    assert outcomes == {"done": 1, "wrong_offset": 4}
    assert Upload.objects.get().state == Upload.State.COMPLETE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_bytes", 0),
        ("size_bytes", -1),
        ("size_bytes", 1 << 40),
        ("sha256", "A" * 64),
        ("sha256", "0" * 63),
        ("sha256", "../" * 21 + "x"),
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused(begin, field, value):
    with pytest.raises(InvalidInput) as caught:
        begin(**{field: value})
    assert list(caught.value.fields) == [field]
    assert not Upload.objects.exists()


def test_the_largest_size_is_a_setting(begin, settings):
    settings.MUSTER_MAX_ARTIFACT_BYTES = 1000
    assert begin().size_bytes == 1000
    with pytest.raises(InvalidInput):
        begin(size_bytes=1001)


def test_only_a_root_site_takes_uploads(site):
    with pytest.raises(InvalidInput) as caught:
        uploads.create(actor=TESTS, site=site, size_bytes=1, sha256="0" * 64)
    assert list(caught.value.fields) == ["site"]


def test_a_full_disk_is_said_before_anything_is_written(begin, files, monkeypatch):
    upload = begin()
    monkeypatch.setattr(parts, "RESERVE_BYTES", 1 << 62)
    with pytest.raises(DiskFull) as caught:
        uploads.append(upload, offset=0, data=DATA)
    assert (caught.value.status, caught.value.code) == (507, "disk_full")
    with pytest.raises(DiskFull):
        begin()
    assert (Upload.objects.get().received_bytes, part(files, upload).exists()) == (0, False)


def test_an_upload_that_nobody_continues_is_dropped_after_a_day(begin, files):
    running, ended, complete = (begin() for _ in range(3))
    for upload in (running, ended):
        uploads.append(upload, offset=0, data=DATA[:300])
    uploads.append(complete, offset=0, data=DATA)
    Upload.objects.exclude(pk=running.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    for _ in range(2):
        uploads.reconcile()
        assert list(Upload.objects.all()) == [running]
        assert [path.name for path in (files / "uploads").iterdir() if path.stem != str(complete.pk)] == [
            f"{running.pk}.part"
        ]
    assert blobs.store().has(complete.sha256)


def test_every_piece_gives_an_upload_another_day(begin):
    upload = begin()
    Upload.objects.update(expires_at=timezone.now() + timedelta(seconds=9))
    upload = uploads.append(upload, offset=0, data=DATA[:1])
    assert upload.expires_at > timezone.now() + timedelta(hours=23)


def test_files_without_an_open_upload_are_swept_up_an_hour_later(begin, files):
    upload = uploads.append(begin(), offset=0, data=DATA[:300])
    fresh, old = files / "uploads" / "fresh.part", files / "uploads" / "old.part"
    long_ago = time.time() - 3700
    for path in (fresh, old):
        path.write_bytes(b"left")
    for path in (old, part(files, upload)):
        os.utime(path, (long_ago, long_ago))
    uploads.reconcile()
    assert set((files / "uploads").iterdir()) == {fresh, part(files, upload)}
