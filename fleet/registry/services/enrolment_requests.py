"""Reads an enrolment request and checks its proof, before anything in the database is touched."""

import unicodedata
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from fleet.registry.core import names
from fleet.registry.models import Node
from fleet.trust.services import server_key
from fleet.trust.services.enrolment_errors import Malformed, ProofInvalid, TooLarge
from muster.canon import signatures
from muster.canon.json import CanonError
from muster.wire.enrolment import MAX_REQUEST_BYTES, EnrolmentRequest, JsonSignature, b64decode, b64encode

NONCE_BYTES = range(16, 65)
KEY_BYTES = 32  # raw Ed25519
TOKEN_LENGTH = 128  # far more than any token has
DEVICE_TYPE_LENGTH = Node._meta.get_field("device_type").max_length or 0
AGENT_VERSION_LENGTH = Node._meta.get_field("agent_version").max_length or 0
# Control characters (NUL cannot even be stored), line breaks, and formats such as the override that turns
# the direction of what follows: an operator who decides about a device must see its name as it is.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_decoder = msgspec.json.Decoder(EnrolmentRequest)


def read(body: bytes) -> EnrolmentRequest:
    """Return the request in `body`.

    Raises:
        TooLarge: more bytes than a request may have; they are not looked at.
        Malformed: not the documented JSON, or a value out of range.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise TooLarge
    try:
        request = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(_("The enrolment request cannot be read: %(why)s") % {"why": error}) from error
    _check(request)
    return request


def read_nonce(text: str) -> bytes:
    """Return the bytes of a nonce; Malformed unless there are 16 to 64 of them."""
    nonce = _decode(text, "nonce")
    if len(nonce) not in NONCE_BYTES:
        raise _malformed("nonce")
    return nonce


def prove(request: EnrolmentRequest) -> bytes:
    """Return the device's public key once the request proves that the device holds its private half.

    Raises:
        ProofInvalid: made for another server, signed by another key, or not over this request.
        Malformed: a value without canonical form.
    """
    public_key = _decode(request.public_key, "public_key")
    if len(public_key) != KEY_BYTES:
        raise _malformed("public_key")
    if request.server_key != b64encode(signatures.public_bytes(server_key.load())):
        raise ProofInvalid(_("The request was made for a server with another key."))
    try:
        body = request.signed_part()
    except CanonError as error:
        raise Malformed(_("The enrolment request cannot be read: %(why)s") % {"why": error}) from error
    try:
        signatures.verify(public_key, signatures.ENROL_REQUEST, body, _signature(request.proof))
    except signatures.SignatureError as error:
        raise ProofInvalid from error
    return public_key


def _signature(proof: JsonSignature) -> signatures.Signature:
    return signatures.Signature(proof.algorithm, proof.key_id, _decode(proof.value, "proof"))


def _check(request: EnrolmentRequest) -> None:
    """Raise Malformed where a value cannot be stored or makes no sense."""
    read_nonce(request.nonce)
    fits = {
        "token": 0 < len(request.token) <= TOKEN_LENGTH,
        "name": not request.name or names.is_name(request.name),
        "device_type": len(request.device_type) <= DEVICE_TYPE_LENGTH,
        "agent_version": len(request.inventory.agent_version) <= AGENT_VERSION_LENGTH,
        "cpu_cores": request.inventory.cpu_cores >= 1,
        "memory_bytes": request.inventory.memory_bytes >= 0,
        "disk_bytes": request.inventory.disk_bytes >= 0,
    }
    for field, fitting in fits.items():
        if not fitting:
            raise _malformed(field)
    if _holds_hidden(msgspec.to_builtins(request)):
        raise Malformed(_("A text in the enrolment request holds a character that cannot be shown."))


def _holds_hidden(value: Any) -> bool:
    """Say whether any text in a JSON document holds a character that pages cannot show as what it is."""
    if isinstance(value, str):
        return any(unicodedata.category(character) in HIDDEN for character in value)
    if isinstance(value, dict):
        return any(_holds_hidden(item) for item in value.values())
    return isinstance(value, list) and any(_holds_hidden(item) for item in value)


def _decode(text: str, field: str) -> bytes:
    try:
        return b64decode(text)
    except ValueError as error:
        raise _malformed(field) from error


def _malformed(field: str) -> Malformed:
    message = _("The value of %(field)s in the enrolment request cannot be accepted.") % {"field": field}
    return Malformed(message, fields={field: [message]})
