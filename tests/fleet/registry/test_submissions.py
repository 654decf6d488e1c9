"""Updates of nodes are whole and true whatever happens on the way; `test_uploads` has more on single pieces."""

import errno
import hashlib
import os
import random
import time
import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from fleet.registry.models import NodeWork, Submission
from fleet.registry.services import blobs, submissions
from fleet.registry.services.submissions import NoSuchTask, NotOpened, OtherStatement, TooLarge
from muster.wire.work import Statement, UpdateKind
from tests.fleet.registry.at_once import at_once

DATA = random.Random(5).randbytes(1000)
TASK = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    """The folder of the installation's files, empty."""
    settings.MUSTER_DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def node(make_node):
    node = make_node()
    NodeWork.objects.create(node=node, counter=1, document=b"", signature_value=b"", tasks=[TASK])
    return node


@pytest.fixture
def announce(node):
    def announce(data: bytes = DATA, attempt: int = 1, **changes) -> Submission:
        said = {
            "node": str(node.uid),
            "task": str(TASK),
            "attempt": attempt,
            "kind": UpdateKind.PLAIN,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "samples": {"vision": 1},
            "loss_before_millionths": None,
            "loss_after_millionths": (1 << 53) - 1,
            "trained_ms": 5,
        }
        return submissions.open(node_key=node.pk, statement=Statement(**said | changes), signature=b"s" * 64)

    return announce


@pytest.fixture
def send(node):
    return lambda offset, data, attempt=1: submissions.append(
        node_key=node.pk, task=TASK, attempt=attempt, offset=offset, data=data
    )


def part(submission):
    return submissions.PARTS.path(submission.pk)


def old(*paths):
    long_ago = time.time() - 3700
    for path in paths:
        os.utime(path, (long_ago, long_ago))


def test_the_same_statement_finds_the_same_submission(announce, send):
    first = announce()
    send(0, DATA[:300])
    again = announce()
    assert (again.pk, again.received_bytes, Submission.objects.count()) == (first.pk, 300, 1)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_announce_at_once_all_find_the_same(announce):
    assert at_once(*(announce for _ in range(5))) == {"done": 5}
    assert Submission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_announce_otherwise_at_once_one_wins(announce):
    assert at_once(*(partial(announce, trained_ms=number) for number in range(4))) == {
        "done": 1,
        "other_statement": 3,
    }


@pytest.mark.django_db(transaction=True)
def test_of_many_last_pieces_at_once_one_completes_it(announce, send, files):
    announce()
    assert at_once(*(partial(send, 0, DATA) for _ in range(5))) == {"done": 1, "wrong_offset": 4}
    submission = Submission.objects.get()
    assert (submission.state, blobs.store().path(submission.sha256).read_bytes()) == ("complete", DATA)
    assert list((files / "submissions").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_while_a_later_attempt_takes_its_place_a_piece_is_stored_or_refused_and_never_lost(announce, send):
    announce(attempt=1)
    outcomes = at_once(partial(send, 0, DATA), partial(announce, b"trained anew", attempt=2))
    assert outcomes in ({"done": 2}, {"done": 1, "not_found": 1})
    states = dict(Submission.objects.values_list("attempt", "state"))
    assert states == ({1: "complete", 2: "open"} if outcomes["done"] == 2 else {2: "open"})


def test_an_earlier_attempt_cannot_come_back(announce, send):
    announce(attempt=1)
    announce(attempt=3)
    for attempt in (1, 2):
        with pytest.raises(OtherStatement):
            announce(attempt=attempt)
    assert list(Submission.objects.values_list("attempt", flat=True)) == [3]


def test_only_tasks_of_the_current_work_are_taken(announce, send, node):
    announce()
    NodeWork.objects.update(tasks=[])
    for deed in (announce, partial(send, 0, DATA), partial(submissions.find, node_key=node.pk, task=TASK, attempt=1)):
        with pytest.raises(NoSuchTask):
            deed()
    NodeWork.objects.all().delete()
    with pytest.raises(NoSuchTask):
        announce()


def test_what_was_never_announced_has_no_pieces(send, announce):
    with pytest.raises(NotOpened):
        send(0, DATA)
    announce()
    with pytest.raises(NotOpened):
        send(0, DATA, attempt=2)


def test_the_largest_size_is_a_setting(announce, settings):
    settings.MUSTER_MAX_ARTIFACT_BYTES = 999
    with pytest.raises(TooLarge):
        announce()
    settings.MUSTER_MAX_ARTIFACT_BYTES = 1000
    assert announce().size_bytes == 1000


def test_bytes_that_were_lost_under_it_are_asked_for_again(announce, send, node):
    submission = announce()
    send(0, DATA[:300])
    os.truncate(part(submission), 120)
    assert submissions.find(node_key=node.pk, task=TASK, attempt=1).received_bytes == 120
    assert send(120, DATA[120:]).state == "complete"


def test_what_a_crash_left_whole_is_completed_by_the_task(announce):
    submission = announce()
    part(submission).parent.mkdir()
    part(submission).write_bytes(DATA)
    Submission.objects.update(received_bytes=1000)
    for _ in range(2):
        submissions.reconcile()
        submission.refresh_from_db()
        assert (submission.state, blobs.store().has(submission.sha256)) == ("complete", True)


def test_a_whole_file_that_finds_no_room_waits_and_stops_no_other(announce, monkeypatch):
    submission = announce()
    part(submission).parent.mkdir()
    part(submission).write_bytes(DATA)
    Submission.objects.update(received_bytes=1000)

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(blobs.shutil, "copyfile", full)
        submissions.reconcile()
    assert Submission.objects.get().state == "open"
    submissions.reconcile()
    assert Submission.objects.get().state == "complete"


def test_an_unfinished_submission_of_a_withdrawn_task_goes_an_hour_after_its_last_byte(announce, send, files):
    submission = announce()
    send(0, DATA[:300])
    Submission.objects.update(opened_at=timezone.now() - timedelta(hours=3))
    old(part(submission))
    submissions.reconcile()
    assert Submission.objects.exists()  # its task still stands, however slow the node is
    NodeWork.objects.update(tasks=[])
    os.utime(part(submission))
    submissions.reconcile()
    assert Submission.objects.exists()  # a piece came just now: the task may be named again
    old(part(submission))
    for _ in range(2):
        submissions.reconcile()
        assert not Submission.objects.exists()
        assert list((files / "submissions").iterdir()) == []


def test_a_complete_submission_stays_when_its_task_goes(announce, send):
    announce()
    send(0, DATA)
    NodeWork.objects.all().delete()
    Submission.objects.update(opened_at=timezone.now() - timedelta(days=30))
    submissions.reconcile()
    assert blobs.store().has(Submission.objects.get().sha256)


def test_files_without_a_submission_are_swept_up_an_hour_later(announce, send, files):
    submission = announce()
    send(0, DATA[:300])
    fresh, left = files / "submissions" / "fresh.part", files / "submissions" / "left.part"
    for path in (fresh, left):
        path.write_bytes(b"left")
    old(left, part(submission))
    submissions.reconcile()
    assert set((files / "submissions").iterdir()) == {fresh, part(submission)}
