"""What a device and the server tell each other when the device enrols, as JSON over HTTP.

1. `GET /api/v1/enrolment/server?nonce=…` → ServerHello. The device compares the
   fingerprint of `server_key` with the pin of its command and checks the signature
   over its nonce, before it sends the token.
2. `POST /api/v1/enrolment` with EnrolmentRequest, signed by the key that the device made
   (proof of possession) → EnrolmentResponse, signed by the server over the request's proof.

Binary values are base64url without padding. Signatures cover canonical JSON (RFC 8785),
so these documents hold no floats.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from muster.canon.json import canonical

MAX_REQUEST_BYTES = 64 * 1024


def b64encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64decode(text: str) -> bytes:
    """Return the bytes of base64url with or without padding; ValueError if it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


class JsonSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    algorithm: str
    key_id: str
    value: str  # base64url


class ServerHello(msgspec.Struct, frozen=True):
    """Signed for ENROL_SERVER over canonical {nonce, at_us, gateway_url, server_key}."""

    nonce: str
    at_us: int
    gateway_url: str
    server_key: str
    signature: JsonSignature

    @staticmethod
    def signed_part(*, nonce: str, at_us: int, gateway_url: str, server_key: str) -> bytes:
        """Return the bytes under the server's signature."""
        return canonical({"nonce": nonce, "at_us": at_us, "gateway_url": gateway_url, "server_key": server_key})


class Accelerator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str  # gpu, npu, vpu
    name: str
    memory_bytes: int | None = None


class SpeedTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A short test at enrolment, so that the planner has a first idea of the device.

    Attributes:
        hash_bytes_per_s: SHA-256 throughput of one core.
        memory_bytes_per_s: copy throughput of one core.
        disk_bytes_per_s: sequential write with fsync in the agent's folder.
    """

    hash_bytes_per_s: int
    memory_bytes_per_s: int
    disk_bytes_per_s: int


class Inventory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the device detected of itself. None where it has no such part or cannot tell."""

    hostname: str
    os: str
    architecture: str
    python: str
    agent_version: str
    cpu_model: str
    cpu_cores: int
    memory_bytes: int
    disk_bytes: int
    accelerators: list[Accelerator]
    has_battery: bool
    has_temperature: bool
    speed: SpeedTest


class EnrolmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`proof` is signed for ENROL_REQUEST over canonical JSON of all other fields.

    Attributes:
        token: as shown to the operator.
        public_key: the device's raw Ed25519 key.
        nonce: the ServerHello's, so that a proof cannot be replayed to another server.
        server_key: the server's key, so that a proof is for this server alone.
        name: wanted name, empty for the host name.
        site, tier: None, or what the operator typed; must equal the token's.
    """

    token: str
    public_key: str
    nonce: str
    server_key: str
    name: str
    site: str | None
    tier: str | None
    device_type: str
    inventory: Inventory
    proof: JsonSignature

    def signed_part(self) -> bytes:
        """Return the bytes under the device's proof: every other field."""
        return canonical(_without(self, "proof"))


class EnrolmentResponse(msgspec.Struct, frozen=True):
    """Signed for ENROL_RESPONSE over canonical JSON of all other fields and `proof` = the request's proof value."""

    node: str
    name: str
    site: str
    tier: str
    state: str  # pending or active
    gateway_url: str
    signature: JsonSignature

    def signed_part(self, proof: str) -> bytes:
        """Return the bytes under the server's signature: every other field, and the proof that it answers."""
        return canonical(_without(self, "signature") | {"proof": proof})


def _without(document: msgspec.Struct, field: str) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(document)
    del fields[field]
    return fields
