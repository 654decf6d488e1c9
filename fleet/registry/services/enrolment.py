"""Lets a device in: everything between its request and its node, in one transaction.

Who can do what. Whoever holds the token may enrol one device for each use; so the
token must not be read on its way (TLS outside one machine), it lives an hour at most,
and it is sent only after the device has checked the server's pinned key. Whoever
reads a whole request without stopping it can repeat it, but not change it: the
device signed all of it, this server's key included. A repeated request finds its
own node and gets the same answer, which holds no secret and lets nobody connect
without the identity key. That is why the nonce of the server's greeting, which the
device chose, need not be remembered here: it makes the greeting fresh for the
device, and in the request it only ties the proof to that greeting.
"""

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from fleet.registry.core import names
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node, Presence
from fleet.registry.services import nodes
from fleet.registry.services.enrolment_requests import prove, read, read_nonce
from fleet.trust.models import EnrolmentToken, Site
from fleet.trust.selectors.sites import normal_path
from fleet.trust.services import enrolment_tokens, events, secrets, server_key
from fleet.trust.services.actors import Actor
from fleet.trust.services.enrolment_errors import EnrolmentError, ForeignToken, KeyKnown, NameTaken
from muster.canon import signatures
from muster.clock import Clock, now_us
from muster.wire.enrolment import EnrolmentRequest, EnrolmentResponse, JsonSignature, ServerHello, b64encode

POLICY = Actor.system("token policy")


def hello(nonce: str, *, clock: Clock = now_us) -> ServerHello:
    """Return the server's greeting, signed over the nonce that the device chose.

    Raises:
        Malformed: the nonce is not base64url of 16 to 64 bytes.
    """
    read_nonce(nonce)
    key = server_key.load()
    at_us = clock()
    gateway_url: str = settings.MUSTER_GATEWAY_URL
    public_key = b64encode(signatures.public_bytes(key))
    body = ServerHello.signed_part(nonce=nonce, at_us=at_us, gateway_url=gateway_url, server_key=public_key)
    return ServerHello(nonce, at_us, gateway_url, public_key, _sign(signatures.ENROL_SERVER, body))


def enrol(body: bytes, *, address: str | None) -> EnrolmentResponse:
    """Make the node that a device asks for, and return the signed answer.

    The request is read and its proof checked before anything is touched. Then, in one
    transaction: requests with one key wait for each other; a repeated request finds its
    node; a new one uses the token once, gets its name, and is stored with its presence
    and its event. A refusal anywhere leaves nothing, and gives the use back.

    Raises:
        EnrolmentError: one of `fleet/trust/services/enrolment_errors.py`.
    """
    request = read(body)
    public_key = prove(request)
    with transaction.atomic():
        _wait_for_same_key(public_key)
        node = _enrolled_before(request, public_key) or _admit(request, public_key, address)
    return _answer(request, node)


def _wait_for_same_key(public_key: bytes) -> None:
    """Hold a lock on the key until the transaction ends, so that a repeated request sees the first one's node."""
    number = int.from_bytes(public_key[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _enrolled_before(request: EnrolmentRequest, public_key: bytes) -> Node | None:
    """Return the node of this key if the same token made it: its device has lost the answer.

    Raises:
        KeyKnown: the key has enrolled with another token, or its node has retired.
    """
    node = Node.objects.select_related("site", "token").filter(public_key=public_key).first()
    if node is None:
        return None
    same_token = node.token is not None and bytes(node.token.sha256) == secrets.digest(request.token)
    if node.state == NodeState.RETIRED or not same_token:
        raise KeyKnown
    return node


def _admit(request: EnrolmentRequest, public_key: bytes, address: str | None) -> Node:
    token = enrolment_tokens.redeem(request.token)
    _check_fit(request, token)
    # Names at one site are given out one at a time; the lock leaves foreign keys to the site alone.
    site = Site.objects.select_for_update(no_key=True).get(pk=token.site_id)
    node = Node.objects.create(
        site=site,
        name=_name(request, site),
        tier=token.tier,
        device_type=request.device_type,
        public_key=public_key,
        fingerprint=signatures.fingerprint(public_key),
        inventory=msgspec.to_builtins(request.inventory),
        memory_bytes=request.inventory.memory_bytes or None,
        cpu_cores=request.inventory.cpu_cores or None,
        agent_version=request.inventory.agent_version,
        token=token,
    )
    Presence.objects.create(node=node)
    _record(node, token, address)
    if token.auto_approve:
        return nodes.approve(node, actor=POLICY)
    nodes.announce(node)
    return node


def _check_fit(request: EnrolmentRequest, token: EnrolmentToken) -> None:
    """Raise ForeignToken where the operator typed another site or tier than the token's."""
    if request.site is not None and normal_path(request.site) != token.site.path:
        raise ForeignToken(_("This enrolment token is for the site %(site)s.") % {"site": token.site})
    if request.tier is not None and request.tier != token.tier:
        raise ForeignToken(_("This enrolment token is for the tier %(tier)s.") % {"tier": token.tier})


def _name(request: EnrolmentRequest, site: Site) -> str:
    """Return the wanted name, or one made of the host name with a number behind it where it is taken.

    Raises:
        NameTaken: the name was asked for, and another node at the site has it.
    """
    present = Node.objects.filter(site=site).exclude(state=NodeState.RETIRED)
    if request.name:
        if present.filter(name=request.name).exists():
            raise NameTaken
        return request.name
    wanted = names.from_host(request.inventory.hostname)
    stem = wanted[: names.MAX_LENGTH - names.SUFFIX_ROOM]
    taken = set(present.filter(name__startswith=stem).values_list("name", flat=True))
    return next(name for name in names.candidates(wanted) if name not in taken)


def _record(node: Node, token: EnrolmentToken, address: str | None) -> None:
    events.record(
        "node.enrolled",
        actor=Actor.node(node.uid, node.name, address),
        target_kind="node",
        target_id=node.uid,
        target_label=node.name,
        site=node.site,
        after={
            "state": NodeState.PENDING,
            "tier": node.tier,
            "fingerprint": node.fingerprint,
            "token": str(token),
        },
    )


def _answer(request: EnrolmentRequest, node: Node) -> EnrolmentResponse:
    unsigned = EnrolmentResponse(
        node=str(node.uid),
        name=node.name,
        site=str(node.site),
        tier=node.tier,
        state=node.state,
        gateway_url=settings.MUSTER_GATEWAY_URL,
        signature=JsonSignature("", "", ""),
    )
    body = unsigned.signed_part(request.proof.value)
    return msgspec.structs.replace(unsigned, signature=_sign(signatures.ENROL_RESPONSE, body))


def _sign(context: str, body: bytes) -> JsonSignature:
    signature = signatures.sign(server_key.load(), context, body)
    return JsonSignature(signature.algorithm, signature.key_id, b64encode(signature.value))


__all__ = ["EnrolmentError", "enrol", "hello"]
