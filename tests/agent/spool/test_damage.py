"""After a crash or a bad disk the spool gives back every whole frame and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.spool import Cursor, Spool, records
from tests.agent.conftest import ROOT

BOOT = "01890a5d-ac96-774b-bcce-000000000001"
NEXT_BOOT = "01890a5d-ac96-774b-bcce-000000000002"


def written(folder: Path, count: int = 10) -> Path:
    """Write frames of one boot and return the file they are in."""
    spool = Spool(folder, BOOT)
    for number in range(1, count + 1):
        spool.append(b"frame %d" % number)
    spool.close()
    (path,) = folder.glob("*.frames")
    return path


def readable(folder: Path) -> list[int]:
    frames = Cursor(Spool(folder, NEXT_BOOT)).take(1_000_000)
    assert all(frame.body == b"frame %d" % frame.seq for frame in frames)
    return [frame.seq for frame in frames]


@pytest.mark.parametrize("cut", [1, 10, 23])
def test_a_torn_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path / "spool")
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    assert readable(tmp_path / "spool") == list(range(1, 10))
    assert len(path.read_bytes()) == len(data) - len(records.encode(10, b"frame 10"))


def test_zeros_behind_the_end_as_a_power_cut_leaves_them_are_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "spool")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(4_096))
    assert readable(tmp_path / "spool") == list(range(1, 11))
    assert path.stat().st_size == size


def test_a_flipped_bit_costs_its_own_frame_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "spool")
    data = bytearray(path.read_bytes())
    data[data.index(b"frame 4")] ^= 0x10
    path.write_bytes(data)
    assert readable(tmp_path / "spool") == [1, 2, 3, 5, 6, 7, 8, 9, 10]


def test_a_flipped_bit_in_a_length_costs_the_rest_of_the_file_and_no_more(tmp_path: Path) -> None:
    path = written(tmp_path / "spool")
    data = bytearray(path.read_bytes())
    data[data.index(b"frame 4") - records.OVERHEAD_BYTES] ^= 0x40
    path.write_bytes(data)
    assert readable(tmp_path / "spool") == [1, 2, 3]


def test_a_file_without_a_whole_frame_is_removed(tmp_path: Path) -> None:
    path = written(tmp_path / "spool", count=1)
    path.write_bytes(path.read_bytes()[:5])
    assert readable(tmp_path / "spool") == []
    assert not path.exists()


def test_a_strangers_file_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "spool")
    stranger = path.with_name("holiday.frames")
    stranger.write_bytes(path.read_bytes())
    assert readable(tmp_path / "spool") == list(range(1, 11))
    assert stranger.exists()


def test_a_damaged_position_file_only_means_sending_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", BOOT)
    for number in range(1, 4):
        spool.append(b"frame %d" % number)
    spool.acknowledge(BOOT, 2)
    spool.close()
    (tmp_path / "spool" / "acked.json").write_text("{")
    assert readable(tmp_path / "spool") == [1, 2, 3]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_frames(data: bytes) -> None:
    assert all(records.encode(record.seq, record.body) in data for record in records.parse(data))


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 400))
def test_every_cut_gives_the_whole_frames_before_it(bodies: list[bytes], cut: int) -> None:
    data = b"".join(records.encode(seq, body) for seq, body in enumerate(bodies, 1))[:cut]
    found = list(records.parse(data))
    assert [record.body for record in found] == bodies[: len(found)]
    assert len(data) - (found[-1].end if found else 0) < records.OVERHEAD_BYTES + 40


WRITER = """
import sys
from pathlib import Path
from agent.spool import Spool
spool = Spool(Path(sys.argv[1]), sys.argv[2], segment_bytes=4000)
seq = 0
while True:
    seq += 1
    spool.append(b"frame %d" % seq)
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()
"""


def test_a_writer_killed_in_the_middle_loses_nothing_that_it_had_kept(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    command = [sys.executable, "-c", WRITER, str(folder), BOOT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if line == "700\n":
                writer.kill()
                break
        rest = writer.stdout.read()
    told = [700, *map(int, rest.splitlines()[:-1])]  # the last line may be torn itself
    found = readable(folder)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= told[-1]
