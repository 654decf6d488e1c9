"""What one end writes within the bounds, the other reads as it was."""

from hypothesis import given
from hypothesis import strategies as st

from muster.canon.signatures import Signature
from muster.wire import envelope
from muster.wire.messages import (
    Frame,
    HeldShard,
    Inference,
    Progress,
    Report,
    RunningShard,
    Sample,
    StreamState,
    Target,
    TaskProgress,
    Work,
)
from muster.wire.targets import Reason, ReportState, ShardState
from muster.wire.work import MAX_TASKS, WorkReason, WorkState

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
INT31 = st.integers(0, 2**31 - 1)
INFERENCES = st.builds(
    Inference,
    at=TIMES,
    shard=INT64,
    requests=INT31,
    errors=INT31,
    total_us=INT64,
    least_us=INT31,
    most_us=INT31,
    local=st.booleans(),
)
FRAMES = st.builds(
    Frame,
    boot=st.uuids().map(str),
    seq=st.integers(1, 2**63 - 1),
    dropped=INT64,
    waiting=st.integers(0, 2**31 - 1),
    samples=st.lists(SAMPLES, min_size=1, max_size=5),
    inferences=st.lists(INFERENCES, max_size=5),
)
SIGNATURES = st.builds(Signature, st.text(max_size=9), st.text(max_size=9), st.binary(max_size=70))
TARGETS = st.builds(Target, st.binary(max_size=99), SIGNATURES)
WORK = st.builds(Work, st.binary(max_size=99), SIGNATURES)
PROGRESS = st.builds(
    Progress,
    counter=INT64,
    tasks=st.lists(
        st.builds(
            TaskProgress,
            task=st.uuids().map(str),
            state=st.sampled_from(WorkState),
            reason=st.sampled_from(WorkReason),
            detail=st.text(max_size=300),
            done=INT64,
            total=INT64,
        ),
        max_size=MAX_TASKS,
    ),
)
GENERATIONS = st.none() | st.tuples(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
SHA256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
REPORTS = st.builds(
    Report,
    node=st.uuids().map(str),
    boot=st.uuids().map(str),
    number=st.integers(1, 2**63 - 1),
    at=TIMES,
    generation=GENERATIONS,
    serving=GENERATIONS,
    state=st.sampled_from(ReportState),
    reason=st.sampled_from(Reason),
    detail=st.text(max_size=300),
    shards=st.lists(st.builds(HeldShard, INT64, st.sampled_from(ShardState), INT64), max_size=5),
    running=st.lists(st.builds(RunningShard, INT64, SHA256, TIMES), max_size=5),
    signature=SIGNATURES,
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


@given(TARGETS | REPORTS, INT64, TIMES)
def test_targets_and_reports(message: Target | Report, id: int, at: int) -> None:
    assert envelope.decode(envelope.encode(message, id=id, at=at))[1] == message


@given(WORK | PROGRESS, INT64, TIMES)
def test_work_and_progress(message: Work | Progress, id: int, at: int) -> None:
    assert envelope.decode(envelope.encode(message, id=id, at=at))[1] == message


@given(REPORTS)
def test_what_is_signed_of_a_report_is_the_same_after_its_journey(report: Report) -> None:
    for minor in (1, 2):
        _, read = envelope.decode(envelope.encode(report, id=1, at=1, minor=minor))
        assert read.signed_part() == report.signed_part()
