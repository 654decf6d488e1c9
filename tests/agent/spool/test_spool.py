"""The spool keeps every frame until it is acknowledged, and says what it had to drop."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.spool import Cursor, Spool, refused
from agent.spool.spool import HELD_FRAMES, RETIRE_BYTES
from muster.wire.messages import MAX_STREAMS, StreamState


def boot(number: int) -> str:
    return f"01890a5d-ac96-774b-bcce-{number:012x}"


def fill(spool: Spool, count: int, size: int = 50) -> None:
    for _ in range(count):
        number = spool.next_number()
        spool.append(f"{number.boot[-1]}:{number.seq}:".encode().ljust(size, b"."))


def seqs(spool: Spool, of: str | None = None) -> list[int]:
    return [frame.seq for frame in Cursor(spool).take(10_000) if of in (None, frame.boot)]


def test_frames_are_numbered_from_one_and_read_back_as_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 3)
    frames = Cursor(spool).take(10)
    assert [(frame.boot, frame.seq) for frame in frames] == [(boot(1), 1), (boot(1), 2), (boot(1), 3)]
    assert frames[1].body == b"1:2:".ljust(50, b".")


def test_a_number_says_what_waits_before_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 5)
    spool.acknowledge(boot(1), 2)
    number = spool.next_number()
    assert (number.seq, number.waiting, number.dropped) == (6, 3, 0)


def test_an_acknowledged_frame_is_not_sent_again_by_a_new_connection(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 5)
    spool.acknowledge(boot(1), 3)
    assert seqs(spool) == [4, 5]
    spool.acknowledge(boot(1), 2)
    assert seqs(spool) == [4, 5]


def test_one_connection_sends_each_frame_once_and_goes_on_with_new_ones(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1), segment_bytes=300)
    cursor = Cursor(spool)
    fill(spool, 7)
    assert [frame.seq for frame in cursor.take(5)] == [1, 2, 3, 4, 5]
    assert [frame.seq for frame in cursor.take(5)] == [6, 7]
    assert cursor.take(5) == []
    fill(spool, 2)
    assert [frame.seq for frame in cursor.take(5)] == [8, 9]


def test_the_running_boot_goes_first_then_the_oldest(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        spool = Spool(tmp_path / "spool", boot(number))
        fill(spool, 2)
        spool.close()
    spool = Spool(tmp_path / "spool", boot(4))
    fill(spool, 1)
    assert [frame.boot for frame in Cursor(spool).take(10)] == [boot(4), *[boot(1)] * 2, *[boot(2)] * 2, *[boot(3)] * 2]
    assert spool.states()[0] == StreamState(boot(4), 1)
    assert set(spool.states()[1:]) == {StreamState(boot(number), 2) for number in (1, 2, 3)}


def test_an_earlier_boot_is_forgotten_once_acknowledged(tmp_path: Path) -> None:
    first = Spool(tmp_path / "spool", boot(1))
    fill(first, 4)
    first.close()
    spool = Spool(tmp_path / "spool", boot(2))
    spool.acknowledge(boot(1), 4)
    assert spool.states() == [StreamState(boot(2), 0)]
    assert list((tmp_path / "spool").glob("*.frames")) == []


def test_acknowledged_positions_survive_a_restart(tmp_path: Path) -> None:
    first = Spool(tmp_path / "spool", boot(1))
    fill(first, 4)
    first.acknowledge(boot(1), 3)
    first.close()
    assert seqs(Spool(tmp_path / "spool", boot(2))) == [4]


def test_an_acknowledgement_of_what_was_never_sent_changes_nothing_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 2)
    spool.acknowledge(boot(1), 1_000)
    spool.acknowledge(boot(9), 5)
    fill(spool, 2)
    assert seqs(spool) == [3, 4]


def test_a_connected_device_keeps_one_small_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    for _ in range(2_000):
        fill(spool, 1, size=150)
        spool.acknowledge(boot(1), spool.next_number().seq - 1)
    assert len(list((tmp_path / "spool").glob("*.frames"))) <= 1
    assert spool.size_bytes <= RETIRE_BYTES


def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1), max_bytes=10_000, segment_bytes=1_000)
    fill(spool, 500)
    kept = seqs(spool)
    assert spool.size_bytes <= 10_000
    assert kept == list(range(kept[0], 501))
    assert spool.dropped == kept[0] - 1
    assert spool.next_number().dropped == spool.dropped


def test_a_full_spool_drops_an_earlier_boot_before_its_own(tmp_path: Path) -> None:
    earlier = Spool(tmp_path / "spool", boot(1))
    fill(earlier, 100)
    earlier.close()
    spool = Spool(tmp_path / "spool", boot(2), max_bytes=8_000, segment_bytes=1_000)
    fill(spool, 60)
    assert seqs(spool, boot(2)) == list(range(1, 61))
    assert seqs(spool, boot(1)) == []
    assert spool.dropped == 100


def test_what_was_acknowledged_is_not_counted_as_dropped(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1), max_bytes=4_000, segment_bytes=1_000)
    fill(spool, 20)
    spool.acknowledge(boot(1), 10)
    fill(spool, 100)
    assert spool.dropped == seqs(spool)[0] - 1 - 10


def test_a_cursor_outlives_the_segment_it_reads(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1), max_bytes=4_000, segment_bytes=1_000)
    fill(spool, 20)
    cursor = Cursor(spool)
    assert [frame.seq for frame in cursor.take(3)] == [1, 2, 3]
    fill(spool, 200)
    rest = [frame.seq for frame in cursor.take(10_000)]
    assert rest == list(range(rest[0], 221))


def test_no_more_boots_are_kept_than_a_hello_can_name(tmp_path: Path) -> None:
    for number in range(MAX_STREAMS + 3):
        spool = Spool(tmp_path / "spool", boot(number))
        fill(spool, 1)
        spool.close()
    spool = Spool(tmp_path / "spool", boot(MAX_STREAMS + 3))
    assert len(spool.states()) == MAX_STREAMS
    assert boot(0) not in {stream.boot for stream in spool.states()}


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Let the kernel refuse writes behind this size, in the middle of a record if need be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_nothing_leaves_the_newest_frames_in_memory(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 2)
    with files_no_larger_than(spool.size_bytes + 20):
        fill(spool, 3)
        assert spool.disk_is_refusing
        assert seqs(spool) == [1, 2, 3, 4, 5]
        fill(spool, HELD_FRAMES)
        assert spool.dropped == 3
    fill(spool, 1)
    assert not spool.disk_is_refusing
    assert seqs(spool) == [1, 2, *range(6, HELD_FRAMES + 7)]


def test_a_checkpoint_is_only_made_when_something_would_be_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    assert spool.checkpoint() is None
    fill(spool, 1)
    work = spool.checkpoint()
    assert work is not None
    work()
    assert spool.checkpoint() is None
    fill(spool, 1)
    spool.acknowledge(boot(1), 2)
    work = spool.checkpoint()
    assert work is not None  # the position only: what the server holds needs no sync
    work()
    assert spool.checkpoint() is None


def test_the_folder_and_its_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 1)
    spool.close()
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "spool").iterdir())


STEPS = st.lists(st.tuples(st.sampled_from(["append", "ack", "take", "restart", "reconnect"]), st.integers(0, 30)))


@given(STEPS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_unacknowledged_frame_is_ever_missing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """A plain model beside the spool: a set of what is numbered and not acknowledged."""
    folder = tmp_path_factory.mktemp("model") / "spool"
    boots = 1
    spool = Spool(folder, boot(boots), segment_bytes=400)
    expected: dict[str, list[int]] = {boot(1): []}
    cursor = Cursor(spool)
    for step, number in steps:
        if step == "append":
            first = spool.next_number().seq
            fill(spool, number)
            expected[spool.boot] += range(first, first + number)
        elif step == "ack":
            of = list(expected)[number % len(expected)]
            spool.acknowledge(of, number)
            expected[of] = [seq for seq in expected[of] if seq > number]
        elif step == "take":
            cursor.take(number)
        elif step == "restart":
            spool.close()
            boots += 1
            spool = Spool(folder, boot(boots), segment_bytes=400)
            expected[spool.boot] = []
            cursor = Cursor(spool)
        else:
            cursor = Cursor(spool)
    for of, numbers in expected.items():
        assert seqs(spool, of) == numbers
    assert spool.waiting == sum(map(len, expected.values()))
    assert spool.dropped == 0
    spool.close()


def test_a_frame_that_is_set_aside_is_counted_kept_apart_and_not_sent_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, 4)
    assert not spool.set_aside(boot(1), 2)  # 1 still waits in front of it
    spool.acknowledge(boot(1), 1)
    assert spool.set_aside(boot(1), 2)
    assert not spool.set_aside(boot(1), 2)
    assert seqs(spool) == [3, 4]
    assert spool.dropped == 1
    assert (tmp_path / "spool" / "refused" / f"{boot(1)}.000000000002").read_bytes() == b"1:2:".ljust(50, b".")
    spool.close()
    assert seqs(Spool(tmp_path / "spool", boot(2)), boot(1)) == [3, 4]


def test_only_the_newest_refused_frames_are_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot(1))
    fill(spool, refused.KEPT + 5)
    for seq in range(1, refused.KEPT + 6):
        assert spool.set_aside(boot(1), seq)
    kept = sorted(path.name for path in refused.folder_in(tmp_path / "spool").iterdir())
    assert kept == [f"{boot(1)}.{seq:012d}" for seq in range(6, refused.KEPT + 6)]
