"""What one end writes within the bounds, the other reads as it was."""

from hypothesis import given
from hypothesis import strategies as st

from muster.wire import envelope
from muster.wire.messages import Frame, Sample, StreamState

INT64 = st.integers(0, 2**63 - 1)
TIMES = st.integers(0, 253_402_300_799_999_999)
SHARES = st.floats(0, 1)
SAMPLES = st.builds(
    Sample,
    at=TIMES,
    cpu=SHARES,
    memory_used_bytes=INT64,
    load1=st.floats(0, 1_000_000),
    rtt_us=st.none() | st.integers(0, 2**31 - 1),
    temperature_c=st.none() | st.floats(-273.15, 10_000),
    battery=st.none() | SHARES,
)
FRAMES = st.builds(
    Frame,
    boot=st.uuids().map(str),
    seq=st.integers(1, 2**63 - 1),
    dropped=INT64,
    waiting=st.integers(0, 2**31 - 1),
    samples=st.lists(SAMPLES, min_size=1, max_size=5),
)


@given(FRAMES, INT64, TIMES)
def test_frames(frame: Frame, id: int, at: int) -> None:
    opened, read = envelope.decode(envelope.encode(frame, id=id, at=at))
    assert read == frame
    assert (opened.id, opened.at) == (id, at)
    assert bytes(opened.body) == envelope.encode_body(read)


@given(st.builds(StreamState, st.uuids().map(str), INT64), TIMES)
def test_a_memoryview_is_read_like_bytes(stream: StreamState, at: int) -> None:
    from muster.wire.messages import Ack

    data = envelope.encode(Ack(stream.boot, stream.last_seq), id=1, at=at)
    assert envelope.decode(memoryview(data))[1] == Ack(stream.boot, stream.last_seq, 0)
