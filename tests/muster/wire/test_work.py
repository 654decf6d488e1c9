"""What a node shall train and what it says of its update: canonical, bounded, and the same signed bytes for ever."""

import hashlib
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from muster.canon import signatures
from muster.canon.signatures import NODE_REPORT, NODE_WORK, TRAINING_UPDATE, UPDATE_REQUEST, SignatureError
from muster.wire.work import (
    MAX_DOCUMENT_BYTES,
    MAX_TASKS,
    BaseShard,
    JobKind,
    LocalTraining,
    NodeWork,
    Partition,
    Statement,
    TrainingTask,
    UpdateKind,
    read,
    update_request_part,
)
from tests.muster.documents import NODE, STATEMENT, TASK, WORK

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
# Signed once and kept: another value means that what was signed yesterday does not verify today.
WORK_SHA256 = "e16c548d0c10b192080b2c72ef9b35ae469608b03c60acd65a0fa8950dd41bc5"
STATEMENT_SHA256 = "1a9a96bf0857a211ab9671b4cf4654d41fc2486146e580a0f2771a6e2a5ede0e"
STATEMENT_SIGNATURE = (
    "3e5f740c078b85c537b451a8df0ca69706174f25b4c61d975b444c2ab3dec8df"
    "5cfeac0ae82cd84e6b9d6d87f5c90b333126073157aaa0b4b36dede17b30d905"
)

NATURAL = st.integers(0, 2**53 - 1)
TEXT = st.text(max_size=9)
UUIDS = st.uuids().map(str)
SHA256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
TASKS = st.builds(
    TrainingTask,
    task=UUIDS,
    round=UUIDS,
    round_number=NATURAL,
    job=UUIDS,
    kind=st.sampled_from(JobKind),
    phase=TEXT,
    strategy=TEXT,
    model=TEXT,
    version_id=UUIDS,
    workload=TEXT,
    workload_version=NATURAL,
    manifest_sha256=SHA256,
    shards=st.lists(st.builds(BaseShard, TEXT, TEXT, SHA256, SHA256, NATURAL), max_size=3),
    trained=st.lists(TEXT, max_size=3),
    local=st.builds(
        LocalTraining,
        st.integers(1, 100),
        st.integers(1, 4096),
        st.integers(1, 10_000_000),
        st.integers(0, 999_999),
        NATURAL,
    ),
    partition=st.none()
    | st.builds(Partition, st.integers(1_000, 1_000_000_000), st.integers(1, 100_000), st.integers(0, 99_999), NATURAL),
    deadline_us=NATURAL,
)
WORKS = st.builds(
    NodeWork,
    format=st.just(1),
    node=UUIDS,
    counter=NATURAL,
    issued_at_us=NATURAL,
    tasks=st.lists(TASKS, max_size=MAX_TASKS),
)
STATEMENTS = st.builds(
    Statement,
    node=UUIDS,
    task=UUIDS,
    attempt=st.integers(1, 1_000),
    kind=st.sampled_from(UpdateKind),
    sha256=SHA256,
    size_bytes=st.integers(1, 2**53 - 1),
    samples=st.dictionaries(TEXT, NATURAL, max_size=5),
    loss_before_millionths=st.none() | NATURAL,
    loss_after_millionths=st.none() | NATURAL,
    trained_ms=NATURAL,
)


@given(WORKS)
def test_work_that_is_written_is_read_as_it_was_and_written_the_same_again(work: NodeWork) -> None:
    document = work.document()
    assert read(document) == work
    assert read(document).document() == document


@given(WORKS)
def test_the_document_is_canonical_json(work: NodeWork) -> None:
    """Independent of our writer: sorted by name, without a space, nothing escaped that need not be."""
    plain = json.loads(work.document())
    again = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode("utf-8", "surrogatepass") == work.document()  # all names are ASCII: code points sort as UTF-16


@given(STATEMENTS)
def test_a_statement_has_the_same_signed_bytes_after_its_journey_as_json(statement: Statement) -> None:
    sent = json.dumps(msgspec.to_builtins(statement), indent=1).encode()
    received = msgspec.json.decode(sent, type=Statement)
    assert received == statement
    assert received.signed_part() == statement.signed_part()


def test_what_is_signed_has_not_changed() -> None:
    assert hashlib.sha256(WORK.document()).hexdigest() == WORK_SHA256
    assert hashlib.sha256(STATEMENT.signed_part()).hexdigest() == STATEMENT_SHA256
    assert signatures.sign(KEY, TRAINING_UPDATE, STATEMENT.signed_part()).value.hex() == STATEMENT_SIGNATURE


@pytest.mark.parametrize("name", Statement.__struct_fields__)
def test_every_field_of_a_statement_is_under_the_signature(name: str) -> None:
    changed = {
        "node": TASK.task,
        "task": NODE,
        "kind": UpdateKind.MASKED,
        "sha256": "f" * 64,
        "samples": {"head": 240, "vision": 241},
        "loss_after_millionths": 1,
    }.get(name, 9)
    other = msgspec.structs.replace(STATEMENT, **{name: changed})
    signature = signatures.sign(KEY, TRAINING_UPDATE, STATEMENT.signed_part())
    public = signatures.public_bytes(KEY)
    signatures.verify(public, TRAINING_UPDATE, STATEMENT.signed_part(), signature)
    with pytest.raises(SignatureError):
        signatures.verify(public, TRAINING_UPDATE, other.signed_part(), signature)


def test_bytes_signed_for_one_purpose_do_not_hold_for_another() -> None:
    public, body = signatures.public_bytes(KEY), STATEMENT.signed_part()
    purposes = {TRAINING_UPDATE, UPDATE_REQUEST, NODE_WORK, NODE_REPORT}
    for purpose in purposes:
        signature = signatures.sign(KEY, purpose, body)
        for other in purposes - {purpose}:
            with pytest.raises(SignatureError):
                signatures.verify(public, other, body, signature)


def test_a_request_is_signed_with_its_node_method_path_and_time() -> None:
    parts = {
        update_request_part(node, method, path, at)
        for node in (NODE, TASK.task)
        for method in ("GET", "PATCH")
        for path in ("/updates", "/updates/x/1")
        for at in (1, 2)
    }
    assert len(parts) == 16
    assert msgspec.msgpack.decode(update_request_part(NODE, "PATCH", "/updates/x/1", 5)) == [
        NODE,
        "PATCH",
        "/updates/x/1",
        5,
    ]


def test_the_longest_work_fits_its_bound() -> None:
    """Eight tasks of models with as many components as a node takes shards."""
    shard = BaseShard("c" * 63, "v" * 31, "a" * 64, "b" * 64, 2**53 - 1)
    task = msgspec.structs.replace(TASK, shards=[shard] * 64, trained=["c" * 63] * 64)
    work = msgspec.structs.replace(WORK, tasks=[task] * MAX_TASKS)
    assert len(work.document()) <= MAX_DOCUMENT_BYTES
    assert read(work.document()) == work


BAD_TASKS: list[dict[str, Any]] = [
    {"task": "x"},
    {"task": TASK.task.upper()},
    {"task": TASK.task + "\n"},
    {"round_number": -1},
    {"round_number": 2**53},
    {"kind": "sideways"},
    {"manifest_sha256": "A" * 64},
    {"shards": [{"component": "head"}]},
    {"shards": None},
    {"trained": "head"},
    {"local": None},
    {"local": {"epochs": 0, "batch_size": 1, "learning_rate_millionths": 1, "momentum_millionths": 0, "seed": 0}},
    {"local": {"epochs": 101, "batch_size": 1, "learning_rate_millionths": 1, "momentum_millionths": 0, "seed": 0}},
    {"local": {"epochs": 1, "batch_size": 4097, "learning_rate_millionths": 1, "momentum_millionths": 0, "seed": 0}},
    {"local": {"epochs": 1, "batch_size": 1, "learning_rate_millionths": 0, "momentum_millionths": 0, "seed": 0}},
    {"local": {"epochs": 1, "batch_size": 1, "learning_rate_millionths": 1, "momentum_millionths": 10**6, "seed": 0}},
    {"local": {"epochs": 1, "batch_size": 1, "learning_rate_millionths": 0.5, "momentum_millionths": 0, "seed": 0}},
    {"partition": {"alpha_millionths": 999, "members": 1, "index": 0, "seed": 0}},
    {"partition": {"alpha_millionths": 1_000, "members": 0, "index": 0, "seed": 0}},
    {"deadline_us": -1},
    {"more": 1},
]


@pytest.mark.parametrize("bad", BAD_TASKS, ids=str)
def test_a_task_out_of_bounds_is_no_work(bad: dict[str, Any]) -> None:
    whole = json.loads(WORK.document())
    assert read(json.dumps(whole).encode()) == WORK
    whole["tasks"][0] |= bad
    with pytest.raises(ValueError, match=r"."):
        read(json.dumps(whole).encode())


@pytest.mark.parametrize(
    "bad", [{"format": 2}, {"format": 0}, {"node": "x"}, {"counter": -1}, {"counter": 2**53}, {"tasks": None}, {"x": 1}]
)
def test_a_document_of_another_format_or_out_of_bounds_is_no_work(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(json.dumps(json.loads(WORK.document()) | bad).encode())


def test_more_tasks_than_a_node_takes_are_no_work() -> None:
    work = msgspec.structs.replace(WORK, tasks=[TASK] * MAX_TASKS)
    assert read(work.document()) == work
    with pytest.raises(ValueError, match="tasks"):
        read(msgspec.structs.replace(WORK, tasks=[TASK] * (MAX_TASKS + 1)).document())


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_work_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(data)


@given(st.integers(0, 5_000), st.integers(0, 255))
def test_one_changed_byte_is_read_or_refused_and_nothing_worse(position: int, value: int) -> None:
    data = bytearray(WORK.document())
    data[position % len(data)] = value
    try:
        work = read(bytes(data))
    except ValueError:
        return
    assert isinstance(work, NodeWork)


BAD_STATEMENTS: list[dict[str, Any]] = [
    {"node": "x"},
    {"attempt": 0},
    {"attempt": 1_001},
    {"kind": "secret"},
    {"sha256": "e" * 63},
    {"size_bytes": 0},
    {"size_bytes": 2**53},
    {"samples": {"head": -1}},
    {"samples": {"head": 2**53}},
    {"samples": {"head": 0.5}},
    {"samples": None},
    {"loss_before_millionths": -1},
    {"loss_after_millionths": 1.5},
    {"trained_ms": None},
    {"more": 1},
]


@pytest.mark.parametrize("bad", BAD_STATEMENTS, ids=str)
def test_a_statement_out_of_bounds_is_none(bad: dict[str, Any]) -> None:
    whole = msgspec.to_builtins(STATEMENT)
    assert msgspec.convert(whole, Statement) == STATEMENT
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(whole | bad), type=Statement)
