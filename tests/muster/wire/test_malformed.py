"""Whatever bytes come from the other end, only WireError comes out."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from muster.wire import envelope
from muster.wire.errors import MalformedMessage, WireError
from muster.wire.messages import MAX_FRAME_INFERENCES, MAX_FRAME_SAMPLES, MAX_STREAMS
from muster.wire.targets import MAX_DOCUMENT_BYTES, MAX_SHARDS
from muster.wire.work import MAX_DOCUMENT_BYTES as MAX_WORK_BYTES
from muster.wire.work import MAX_TASKS
from tests.muster.documents import AT, BOOT, ENVELOPE, MESSAGES


def decode_or_refuse(data: bytes) -> None:
    try:
        envelope.decode(data)
    except WireError:
        return


@given(st.binary(max_size=300))
@example(b"")
@example(b"\x91" * 100_000)
@example(b"\x81\xa4body" + b"\x91" * 100_000)
@example(b"\x85\xa1v\x92\x01\x00\xa4type\xa1\xff\xa2id\x01\xa2at\x01\xa4body\x80")
@example(b"\xdd\xff\xff\xff\xff")
def test_arbitrary_bytes(data: bytes) -> None:
    decode_or_refuse(data)


@given(st.sampled_from(sorted(MESSAGES)), st.integers(0, 2_000), st.integers(0, 255))
def test_one_changed_byte(name: str, position: int, value: int) -> None:
    data = bytearray(envelope.encode(MESSAGES[name], **ENVELOPE))
    data[position % len(data)] = value
    decode_or_refuse(bytes(data))


@pytest.mark.parametrize("name", MESSAGES)
def test_every_cut_of_a_message(name: str) -> None:
    data = envelope.encode(MESSAGES[name], **ENVELOPE)
    for length in range(len(data)):
        with pytest.raises(WireError):
            envelope.decode(data[:length])


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(MESSAGES)), st.integers(0, 20), JSON_LIKE)
@settings(max_examples=300)
def test_any_field_with_any_value(name: str, position: int, value: Any) -> None:
    document: dict[str, Any] = msgspec.msgpack.decode(envelope.encode(MESSAGES[name], **ENVELOPE))
    fields = [(document, key) for key in document] + [(document["body"], key) for key in document["body"]]
    target, key = fields[position % len(fields)]
    target[key] = value
    decode_or_refuse(msgspec.msgpack.encode(document))


def sample(**changed: Any) -> list[Any]:
    fields = {"at": AT, "cpu": 0.5, "memory": 1, "load1": 0.5, "rtt_us": 1, "temperature_c": 20.0, "battery": 0.5}
    return list((fields | changed).values())


BAD_SAMPLES = [
    sample(at=-1),
    sample(at=2**62),
    sample(cpu=1.01),
    sample(cpu=math.nan),
    sample(memory=-1),
    sample(memory=2**63),
    sample(load1=math.inf),
    sample(rtt_us=-1),
    sample(rtt_us=2**31),
    sample(temperature_c=math.nan),
    sample(temperature_c=-300.0),
    sample(battery=-0.1),
    [AT],
]


@pytest.mark.parametrize("bad", BAD_SAMPLES)
def test_a_reading_that_cannot_be_is_malformed(bad: list[Any]) -> None:
    with pytest.raises(MalformedMessage):
        decode_body("frame", {"boot": BOOT, "seq": 1, "dropped": 0, "waiting": 0, "samples": [bad]})


BAD_FRAMES = [
    {"seq": 0},
    {"seq": 2**63},
    {"dropped": -1},
    {"waiting": 2**31},
    {"samples": []},
    {"samples": [sample()] * (MAX_FRAME_SAMPLES + 1)},
    {"boot": "x"},
    {"boot": BOOT.upper()},
    {"boot": BOOT + "\n"},
]


@pytest.mark.parametrize("bad", BAD_FRAMES)
def test_a_frame_out_of_bounds_is_malformed(bad: dict[str, Any]) -> None:
    whole = {"boot": BOOT, "seq": 1, "dropped": 0, "waiting": 0, "samples": [sample()]}
    decode_body("frame", whole)
    with pytest.raises(MalformedMessage):
        decode_body("frame", whole | bad)


def inference(**changed: Any) -> list[Any]:
    fields = {"at": AT, "shard": 1, "requests": 2, "errors": 0, "total": 9, "least": 4, "most": 5, "local": True}
    return list((fields | changed).values())


BAD_INFERENCES = [
    [inference(at=-1)],
    [inference(at=2**62)],
    [inference(shard=-1)],
    [inference(shard=2**63)],
    [inference(requests=-1)],
    [inference(requests=2**31)],
    [inference(errors=2**31)],
    [inference(total=-1)],
    [inference(total=2**63)],
    [inference(least=-1)],
    [inference(most=2**31)],
    [inference(most=1.5)],
    [inference(local=1)],
    [inference()[:-1]],
    [inference()] * (MAX_FRAME_INFERENCES + 1),
    None,
]


@pytest.mark.parametrize("bad", BAD_INFERENCES)
def test_an_inference_that_cannot_be_is_malformed(bad: Any) -> None:
    whole = {"boot": BOOT, "seq": 1, "dropped": 0, "waiting": 0, "samples": [sample()]}
    decode_body("frame", whole | {"inferences": [inference()] * MAX_FRAME_INFERENCES})
    with pytest.raises(MalformedMessage):
        decode_body("frame", whole | {"inferences": bad})


HELD = {"key": 1, "state": "held", "have_bytes": 5}
RUNNING = {"key": 1, "weights_sha256": "a" * 64, "verified_at": AT}
BAD_REPORTS = [
    {"node": "x"},
    {"boot": BOOT.upper()},
    {"number": 0},
    {"number": 2**63},
    {"at": -1},
    {"generation": [1]},
    {"generation": [1, 2, 3]},
    {"generation": [-1, 2]},
    {"generation": [1, 2**53]},
    {"serving": "1"},
    {"state": "splendid"},
    {"reason": "because"},
    {"detail": "x" * 301},
    {"shards": [HELD] * (MAX_SHARDS + 1)},
    {"shards": [HELD | {"state": "lost"}]},
    {"shards": [HELD | {"have_bytes": -1}]},
    {"shards": [HELD | {"key": 2**63}]},
    {"running": [RUNNING] * (MAX_SHARDS + 1)},
    {"running": [RUNNING | {"weights_sha256": "a" * 63}]},
    {"running": [RUNNING | {"weights_sha256": "A" * 64}]},
    {"running": [RUNNING | {"weights_sha256": "a" * 64 + "\n"}]},
    {"running": [RUNNING | {"verified_at": 2**62}]},
    {"signature": None},
]


@pytest.mark.parametrize("bad", BAD_REPORTS)
def test_a_report_out_of_bounds_is_malformed(bad: dict[str, Any]) -> None:
    report = msgspec.to_builtins(MESSAGES["report"], builtin_types=(bytes,))
    decode_body("report", report | {"shards": [HELD] * MAX_SHARDS, "running": [RUNNING] * MAX_SHARDS})
    with pytest.raises(MalformedMessage):
        decode_body("report", report | bad)


def test_a_target_holds_no_more_than_the_longest_document() -> None:
    target = msgspec.to_builtins(MESSAGES["target"], builtin_types=(bytes,))
    decode_body("target", target | {"document": bytes(MAX_DOCUMENT_BYTES)})
    with pytest.raises(MalformedMessage):
        decode_body("target", target | {"document": bytes(MAX_DOCUMENT_BYTES + 1)})


def test_work_holds_no_more_than_the_longest_document() -> None:
    work = msgspec.to_builtins(MESSAGES["work"], builtin_types=(bytes,))
    decode_body("work", work | {"document": bytes(MAX_WORK_BYTES)})
    for bad in ({"document": bytes(MAX_WORK_BYTES + 1)}, {"document": "text"}, {"document": None}, {"signature": None}):
        with pytest.raises(MalformedMessage):
            decode_body("work", work | bad)


DONE = {"task": BOOT, "state": "training", "reason": "", "detail": "", "done": 1, "total": 2}
BAD_PROGRESS = [
    {"counter": -1},
    {"counter": 2**63},
    {"counter": "1"},
    {"tasks": None},
    {"tasks": [DONE] * (MAX_TASKS + 1)},
    {"tasks": [DONE | {"task": "x"}]},
    {"tasks": [DONE | {"task": BOOT.upper()}]},
    {"tasks": [DONE | {"task": BOOT + "\n"}]},
    {"tasks": [DONE | {"state": "splendid"}]},
    {"tasks": [DONE | {"state": ""}]},
    {"tasks": [DONE | {"reason": "because"}]},
    {"tasks": [DONE | {"detail": "x" * 301}]},
    {"tasks": [DONE | {"done": -1}]},
    {"tasks": [DONE | {"total": 2**63}]},
    {"tasks": [DONE | {"done": 0.5}]},
    {"tasks": [{key: DONE[key] for key in DONE if key != "total"}]},
]


@pytest.mark.parametrize("bad", BAD_PROGRESS)
def test_progress_out_of_bounds_is_malformed(bad: dict[str, Any]) -> None:
    progress = {"counter": 1, "tasks": [DONE] * MAX_TASKS}
    decode_body("progress", progress)
    with pytest.raises(MalformedMessage):
        decode_body("progress", progress | bad)


def test_a_hello_names_no_more_boots_than_a_device_keeps() -> None:
    hello = msgspec.to_builtins(MESSAGES["hello"], builtin_types=(bytes,))
    stream = {"boot": BOOT, "last_seq": 1}
    decode_body("hello", hello | {"streams": [stream] * MAX_STREAMS})
    with pytest.raises(MalformedMessage):
        decode_body("hello", hello | {"streams": [stream] * (MAX_STREAMS + 1)})


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_nonce_has_its_one_length(length: int) -> None:
    with pytest.raises(MalformedMessage):
        decode_body("challenge", {"nonce": bytes(length), "minors": [0], "at": AT})


def decode_body(name: str, body: dict[str, Any]) -> None:
    envelope.decode(envelope.wrap(name, msgspec.msgpack.encode(body), id=1, at=AT))
