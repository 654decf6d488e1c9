"""Signatures that name their algorithm, their key and their purpose.

A signature covers context ‖ algorithm ‖ key id ‖ body, each with its length in
front, so that bytes signed for one purpose never verify for another and a
post-quantum algorithm can be added beside Ed25519.
"""

import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

ED25519 = "ed25519"

# Purposes. A new kind of signed thing gets a new context, never an old one.
ENROL_SERVER = "muster/enrol/server/1"
ENROL_REQUEST = "muster/enrol/request/1"
ENROL_RESPONSE = "muster/enrol/response/1"
SOCKET_HELLO = "muster/socket/hello/1"
SOCKET_WELCOME = "muster/socket/welcome/1"
NODE_TARGET = "muster/target/1"
NODE_REPORT = "muster/report/1"
ARTIFACT_REQUEST = "muster/artifact/request/1"
NODE_WORK = "muster/work/1"
TRAINING_UPDATE = "muster/training/update/1"
UPDATE_REQUEST = "muster/update/request/1"


class SignatureError(ValueError):
    """The signature does not fit the body, the key or the purpose."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A detached signature.

    Attributes:
        algorithm: name of the algorithm, today always `ed25519`.
        key_id: fingerprint of the public key, see `fingerprint`.
        value: the signature's bytes (64 for Ed25519).
    """

    algorithm: str
    key_id: str
    value: bytes


def fingerprint(public_key: bytes) -> str:
    """Return `sha256:` and the hexadecimal SHA-256 of a raw 32-byte public key."""
    return "sha256:" + hashlib.sha256(public_key).hexdigest()


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the raw 32 bytes of the public half."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def sign(key: Ed25519PrivateKey, context: str, body: bytes) -> Signature:
    """Sign `body` for the purpose `context`."""
    key_id = fingerprint(public_bytes(key))
    return Signature(ED25519, key_id, key.sign(_covered(context, ED25519, key_id, body)))


def verify(public_key: bytes, context: str, body: bytes, signature: Signature) -> None:
    """Raise SignatureError unless `signature` is by `public_key` over `body` for `context`."""
    if signature.algorithm != ED25519:
        raise SignatureError(f"unknown signature algorithm {signature.algorithm!r}")
    if signature.key_id != fingerprint(public_key):
        raise SignatureError("signed by another key")
    covered = _covered(context, signature.algorithm, signature.key_id, body)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature.value, covered)
    except (InvalidSignature, ValueError) as error:
        raise SignatureError("the signature does not match") from error


def _covered(context: str, algorithm: str, key_id: str, body: bytes) -> bytes:
    parts = (context.encode(), algorithm.encode(), key_id.encode(), body)
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
