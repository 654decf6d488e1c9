"""Enrolment documents: what is signed, and the text form of binary values."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from muster.wire.enrolment import (
    Accelerator,
    EnrolmentRequest,
    EnrolmentResponse,
    Inventory,
    JsonSignature,
    ServerHello,
    SpeedTest,
    b64decode,
    b64encode,
)

INVENTORY = Inventory(
    hostname="press",
    os="Linux",
    architecture="aarch64",
    python="3.11.9",
    agent_version="0.1.0",
    cpu_model="Cortex-A76",
    cpu_cores=4,
    memory_bytes=8_589_934_592,
    disk_bytes=64_000_000_000,
    accelerators=[Accelerator("npu", "Hailo (hailo0)")],
    has_battery=False,
    has_temperature=True,
    speed=SpeedTest(400_000_000, 4_000_000_000, 90_000_000),
)
REQUEST = EnrolmentRequest(
    token="mst_x",
    public_key="cHVi",
    nonce="bm9uY2U",
    server_key="c2Vy",
    name="Presse-Süd",
    site=None,
    tier="edge",
    device_type="generic",
    inventory=INVENTORY,
    proof=JsonSignature("ed25519", "sha256:0", "cHJvb2Y"),
)
RESPONSE = EnrolmentResponse("n", "press", "plant", "edge", "pending", "ws://h", JsonSignature("ed25519", "k", "cw"))

GOLDEN_REQUEST = (
    '{"device_type":"generic","inventory":{"accelerators":[{"kind":"npu","memory_bytes":null,"name":"Hailo (hailo0)"}],'
    '"agent_version":"0.1.0","architecture":"aarch64","cpu_cores":4,"cpu_model":"Cortex-A76","disk_bytes":64000000000,'
    '"has_battery":false,"has_temperature":true,"hostname":"press","memory_bytes":8589934592,"os":"Linux",'
    '"python":"3.11.9","speed":{"disk_bytes_per_s":90000000,"hash_bytes_per_s":400000000,'
    '"memory_bytes_per_s":4000000000}},"name":"Presse-Süd","nonce":"bm9uY2U","public_key":"cHVi",'
    '"server_key":"c2Vy","site":null,"tier":"edge","token":"mst_x"}'
)


def test_the_proof_covers_every_other_field_in_canonical_form() -> None:
    assert REQUEST.signed_part().decode() == GOLDEN_REQUEST


def test_the_answer_covers_the_proof_that_it_answers() -> None:
    assert RESPONSE.signed_part("cHJvb2Y").decode() == (
        '{"gateway_url":"ws://h","name":"press","node":"n","proof":"cHJvb2Y","site":"plant","state":"pending","tier":"edge"}'
    )
    assert RESPONSE.signed_part("other") != RESPONSE.signed_part("cHJvb2Y")


def test_the_server_signs_nonce_time_gateway_and_key() -> None:
    signed = ServerHello.signed_part(nonce="n", at_us=1, gateway_url="ws://h", server_key="k")
    assert signed == b'{"at_us":1,"gateway_url":"ws://h","nonce":"n","server_key":"k"}'


@pytest.mark.parametrize("document", [REQUEST, RESPONSE])
def test_documents_come_back_as_they_went(document: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(document), type=type(document)) == document


def test_a_request_with_an_unknown_field_is_refused() -> None:
    document = msgspec.to_builtins(REQUEST) | {"admin": True}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document, EnrolmentRequest)


@given(st.binary(max_size=100))
def test_binary_values_survive_with_and_without_padding(data: bytes) -> None:
    text = b64encode(data)
    assert "=" not in text
    assert b64decode(text) == b64decode(text + "=" * (-len(text) % 4)) == data


@given(st.text(max_size=30))
def test_text_that_is_no_base64_is_a_value_error(text: str) -> None:
    try:
        b64decode(text)
    except ValueError:
        return


def test_a_raw_key_is_43_characters() -> None:
    assert len(b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw())) == 43
