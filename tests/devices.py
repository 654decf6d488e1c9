"""A device's side of enrolment, built on the wire documents alone."""

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.trust.services import server_key
from muster.canon import signatures
from muster.wire.enrolment import EnrolmentRequest, Inventory, JsonSignature, SpeedTest, b64encode

NONCE = b64encode(bytes(32))
INVENTORY = Inventory(
    hostname="pi.local",
    os="Linux",
    architecture="aarch64",
    python="3.11.9",
    agent_version="0.1.0",
    cpu_model="Cortex-A76",
    cpu_cores=4,
    memory_bytes=8 << 30,
    disk_bytes=64 << 30,
    accelerators=[],
    has_battery=False,
    has_temperature=True,
    speed=SpeedTest(1, 2, 3),
)


def request(secret: str, key: Ed25519PrivateKey | None = None, **changes: Any) -> EnrolmentRequest:
    """Return a request for this server, signed after the changes by `key` or a fresh one."""
    key = key or Ed25519PrivateKey.generate()
    fields: dict[str, Any] = {
        "token": secret,
        "public_key": b64encode(signatures.public_bytes(key)),
        "nonce": NONCE,
        "server_key": b64encode(signatures.public_bytes(server_key.load())),
        "name": "",
        "site": None,
        "tier": None,
        "device_type": "",
        "inventory": INVENTORY,
        "proof": JsonSignature("", "", ""),
    }
    unsigned = EnrolmentRequest(**(fields | changes))
    proof = signatures.sign(key, signatures.ENROL_REQUEST, unsigned.signed_part())
    signed = JsonSignature(proof.algorithm, proof.key_id, b64encode(proof.value))
    return msgspec.structs.replace(unsigned, proof=signed)
