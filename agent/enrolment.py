"""Enrols this device: trusts the server first, then shows it the token and the key.

1. Ask the server who it is, with a fresh nonce; its key must be the pinned one and its
   signature must hold. Until then the token is not sent and no key is made.
2. Make the identity key, send the request with the proof that the key is here.
3. Verify that the answer is signed by the same server, for this very request.
4. Only then write the enrolment.

A refusal takes back what step 2 has made. A lost answer leaves the key, so that the same
command can be run again: the server knows token and key and answers with the same node.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent import identity, store
from agent.errors import (
    EnrolmentRefused,
    NotAMusterServer,
    ServerUnreachable,
    Usage,
    WrongServerKey,
)
from agent.home import Home
from agent.inventory import collect
from agent.server import Server
from agent.store import Enrolment
from muster.canon.json import CanonError
from muster.canon.signatures import (
    ENROL_REQUEST,
    ENROL_RESPONSE,
    ENROL_SERVER,
    Signature,
    SignatureError,
    fingerprint,
    public_bytes,
    sign,
    verify,
)
from muster.clock import now_us
from muster.wire.enrolment import (
    EnrolmentRequest,
    EnrolmentResponse,
    Inventory,
    JsonSignature,
    ServerHello,
    b64decode,
    b64encode,
)
from muster.wire.messages import NONCE_BYTES


@dataclass(frozen=True)
class Wish:
    """What the command line asks for.

    Attributes:
        pin: fingerprint of the server's key, None to trust what answers first.
        name: None takes the host's name.
        site, tier: None leaves them to the token.
    """

    server: str
    token: str
    pin: str | None
    trust_on_first_use: bool
    name: str | None
    site: str | None
    tier: str | None
    device_type: str
    data_dir: Path | None


@dataclass(frozen=True)
class TrustedServer:
    """A server that proved its key over our nonce."""

    hello: ServerHello
    key: bytes


def enrol(home: Home, wish: Wish, server: Server) -> Enrolment:
    """Enrol this device and return what was written to `home`.

    Raises:
        AgentError: nothing was enrolled, or the answer was lost; the message says which.
    """
    store.refuse_second(home)  # before the lock, which a running agent holds
    made_folder = home.prepare()
    with home.locked():
        try:
            store.refuse_second(home)
            trusted = _trust(server, wish)
            return _enrol(home, wish, server, trusted)
        finally:
            if made_folder and not home.identity.exists():
                home.forget_folder()


def _trust(server: Server, wish: Wish) -> TrustedServer:
    nonce = b64encode(os.urandom(NONCE_BYTES))
    hello = server.hello(nonce)
    try:
        key = b64decode(hello.server_key)
        body = ServerHello.signed_part(
            nonce=nonce, at_us=hello.at_us, gateway_url=hello.gateway_url, server_key=hello.server_key
        )
    except (ValueError, CanonError) as error:
        raise NotAMusterServer(f"{server.url} answers with a malformed key; check --server") from error
    _check_pin(server.url, key, wish)
    try:
        verify(key, ENROL_SERVER, body, _binary(hello.signature))
    except (SignatureError, ValueError) as error:
        raise WrongServerKey(
            f"{server.url} shows the right key but could not prove that it holds it ({error}); "
            "the token was not sent: somebody may stand between this device and the server"
        ) from error
    return TrustedServer(hello, key)


def _check_pin(url: str, key: bytes, wish: Wish) -> None:
    shown = fingerprint(key)
    if wish.pin is None:
        if not wish.trust_on_first_use:
            raise WrongServerKey(
                f"{url} shows the key {shown}; compare it with the enrolment page and run again with --pin {shown}, "
                "or with --trust-on-first-use to take it unseen"
            )
    elif wish.pin != shown:
        raise WrongServerKey(
            f"{url} shows the key {shown}, but {wish.pin} is pinned; the token was not sent: "
            "copy the command from the enrolment page again, and check --server"
        )


def _enrol(home: Home, wish: Wish, server: Server, trusted: TrustedServer) -> Enrolment:
    inventory = _inventory(home)
    present = identity.load(home)
    key = present or identity.make(home)
    request = _request(wish, trusted, key, inventory)
    try:
        response = server.enrol(msgspec.json.encode(request))
    except ServerUnreachable as error:
        raise ServerUnreachable(f"{error}; if the answer was lost, the same command is safe to run again") from error
    except EnrolmentRefused:
        if present is None:
            home.identity.unlink(missing_ok=True)
        raise
    _verify(response, request, trusted)
    enrolment = _record(wish, server, trusted, response)
    store.save(home, enrolment)
    return enrolment


def _inventory(home: Home) -> Inventory:
    try:
        return collect(home.path)
    except OSError as error:
        raise home.unusable(error) from error


def _request(wish: Wish, trusted: TrustedServer, key: Ed25519PrivateKey, inventory: Inventory) -> EnrolmentRequest:
    unsigned = EnrolmentRequest(
        token=wish.token,
        public_key=b64encode(public_bytes(key)),
        nonce=trusted.hello.nonce,
        server_key=trusted.hello.server_key,
        name=wish.name or "",
        site=wish.site,
        tier=wish.tier,
        device_type=wish.device_type,
        inventory=inventory,
        proof=JsonSignature("", "", ""),
    )
    try:
        proof = sign(key, ENROL_REQUEST, unsigned.signed_part())
    except CanonError as error:
        raise Usage(f"an argument cannot be sent: {error}; use plain text for --name, --site and the token") from error
    return msgspec.structs.replace(unsigned, proof=JsonSignature(proof.algorithm, proof.key_id, b64encode(proof.value)))


def _verify(response: EnrolmentResponse, request: EnrolmentRequest, trusted: TrustedServer) -> None:
    try:
        body = response.signed_part(request.proof.value)
        verify(trusted.key, ENROL_RESPONSE, body, _binary(response.signature))
    except (SignatureError, CanonError, ValueError) as error:
        raise WrongServerKey(
            f"the answer to the enrolment is not signed by the server ({error}); nothing was written: "
            "run the same command again over a way that nobody changes"
        ) from error


def _record(wish: Wish, server: Server, trusted: TrustedServer, response: EnrolmentResponse) -> Enrolment:
    return Enrolment(
        server=server.url,
        server_key=trusted.hello.server_key,
        gateway_url=response.gateway_url,
        node=response.node,
        name=response.name,
        site=response.site,
        tier=response.tier,
        state=response.state,
        device_type=wish.device_type,
        data_dir=str(wish.data_dir) if wish.data_dir else None,
        enrolled_at_us=now_us(),
    )


def _binary(signature: JsonSignature) -> Signature:
    return Signature(signature.algorithm, signature.key_id, b64decode(signature.value))
