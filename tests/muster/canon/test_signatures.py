"""A signature holds for one key, one purpose and one body."""

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from muster.canon import signatures
from muster.canon.signatures import (
    ARTIFACT_REQUEST,
    ENROL_REQUEST,
    ENROL_RESPONSE,
    ENROL_SERVER,
    NODE_REPORT,
    NODE_TARGET,
    SOCKET_HELLO,
    SOCKET_WELCOME,
    Signature,
    SignatureError,
    fingerprint,
    public_bytes,
    sign,
    verify,
)
from muster.wire.messages import Hello, Welcome
from muster.wire.targets import Reason, ReportState, artifact_request_part
from tests.muster.documents import AT, BOOT, NODE, NONCE, REPORT, SIGNATURE, STREAMS

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = public_bytes(KEY)
GOLDEN: dict[str, str] = json.loads((Path(__file__).parents[1] / "golden" / "signatures-1.json").read_text())
CONTEXTS = [
    ENROL_SERVER,
    ENROL_REQUEST,
    ENROL_RESPONSE,
    SOCKET_HELLO,
    SOCKET_WELCOME,
    NODE_TARGET,
    NODE_REPORT,
    ARTIFACT_REQUEST,
]


def test_purposes_are_distinct() -> None:
    assert len(set(CONTEXTS)) == len(CONTEXTS)


def test_the_signature_of_a_fixed_body_never_changes() -> None:
    signature = sign(KEY, SOCKET_HELLO, b"body")
    assert signature.key_id == "sha256:56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
    assert signature.value.hex() == GOLDEN["signature"]


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_signature_verifies_for_its_own_purpose_alone(context: str) -> None:
    signature = sign(KEY, context, b"body")
    verify(PUBLIC, context, b"body", signature)
    for other in set(CONTEXTS) - {context}:
        with pytest.raises(SignatureError):
            verify(PUBLIC, other, b"body", signature)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_bytes_cannot_move_between_purpose_and_body(first: bytes, second: bytes) -> None:
    joined = sign(KEY, "ab", first + second)
    if first:
        with pytest.raises(SignatureError):
            verify(PUBLIC, "a", b"b" + first + second, joined)
    if second:
        with pytest.raises(SignatureError):
            verify(PUBLIC, "ab", first, joined)


def test_another_key_another_body_and_a_changed_value_are_refused() -> None:
    signature = sign(KEY, SOCKET_HELLO, b"body")
    other = public_bytes(Ed25519PrivateKey.generate())
    changed = msgspec.structs.replace(signature, value=bytes(64))
    as_other = msgspec.structs.replace(signature, key_id=fingerprint(other))
    for key, body, presented in [
        (other, b"body", signature),
        (other, b"body", as_other),
        (PUBLIC, b"bodY", signature),
        (PUBLIC, b"body", changed),
    ]:
        with pytest.raises(SignatureError):
            verify(key, SOCKET_HELLO, body, presented)


@pytest.mark.parametrize("algorithm", ["", "ml-dsa-65", "ED25519"])
def test_an_unknown_algorithm_is_refused(algorithm: str) -> None:
    signature = msgspec.structs.replace(sign(KEY, SOCKET_HELLO, b"body"), algorithm=algorithm)
    with pytest.raises(SignatureError, match="algorithm"):
        verify(PUBLIC, SOCKET_HELLO, b"body", signature)


@given(st.binary(max_size=70), st.binary(max_size=40))
def test_any_bytes_as_key_and_value_are_only_refused(value: bytes, key: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(key, SOCKET_HELLO, b"body", Signature("ed25519", fingerprint(key), value))


def test_every_part_of_a_hello_is_signed() -> None:
    parts = (NONCE, NODE, BOOT, NONCE, [0], STREAMS)
    changed = (bytes(32), BOOT, NODE, bytes(32), [0, 1], STREAMS[:1])
    assert Hello.signed_part(*parts).hex() == GOLDEN["hello_signed_part"]
    for position, value in enumerate(changed):
        other = (*parts[:position], value, *parts[position + 1 :])
        assert Hello.signed_part(*other) != Hello.signed_part(*parts)


def test_every_part_of_a_welcome_is_signed() -> None:
    parts = (NONCE, NODE, 0, 42, AT, 1_000, STREAMS)
    changed = (bytes(32), BOOT, 1, 43, AT + 1, 500, STREAMS[:1])
    assert Welcome.signed_part(*parts).hex() == GOLDEN["welcome_signed_part"]
    for position, value in enumerate(changed):
        other = (*parts[:position], value, *parts[position + 1 :])
        assert Welcome.signed_part(*other) != Welcome.signed_part(*parts)


def test_every_part_of_a_report_is_signed_but_the_signature() -> None:
    changed = {
        "node": BOOT,
        "boot": NODE,
        "number": 10,
        "at": AT + 1,
        "generation": None,
        "serving": (2, 41),
        "state": ReportState.ACTIVE,
        "reason": Reason.NONE,
        "detail": "",
        "shards": REPORT.shards[:1],
        "running": [],
    }
    assert REPORT.signed_part().hex() == GOLDEN["report_signed_part"]
    assert set(changed) | {"signature"} == set(REPORT.__struct_fields__)
    for name, value in changed.items():
        assert msgspec.structs.replace(REPORT, **{name: value}).signed_part() != REPORT.signed_part()
    signed_anew = msgspec.structs.replace(SIGNATURE, value=bytes(64))
    assert msgspec.structs.replace(REPORT, signature=signed_anew).signed_part() == REPORT.signed_part()


def test_every_part_of_an_artifact_request_is_signed() -> None:
    signed = artifact_request_part(NODE, "a" * 64, AT)
    assert signed.hex() == GOLDEN["artifact_request_part"]
    for other in ((BOOT, "a" * 64, AT), (NODE, "b" * 64, AT), (NODE, "a" * 64, AT + 1)):
        assert artifact_request_part(*other) != signed


def test_the_covered_bytes_are_length_and_part_four_times() -> None:
    covered = signatures._covered("c", "a", "k", b"body")
    assert covered == b"".join(len(part).to_bytes(8, "big") + part for part in (b"c", b"a", b"k", b"body"))
