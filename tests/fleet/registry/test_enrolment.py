"""A device enrols: what it needs, what refuses it, and that nothing is ever half made."""

import threading
from collections import Counter
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils import timezone

from fleet.registry.models import Node, Presence
from fleet.registry.services import enrolment, nodes
from fleet.registry.services.enrolment import EnrolmentError
from fleet.trust.models import EnrolmentToken, Event
from fleet.trust.services import enrolment_tokens, server_key
from fleet.trust.services.actors import Actor
from muster.canon import signatures
from muster.wire.enrolment import MAX_REQUEST_BYTES, EnrolmentRequest, EnrolmentResponse, b64decode, b64encode
from tests.devices import INVENTORY, NONCE, request

pytestmark = pytest.mark.usefixtures("pin")


def enrol(document: EnrolmentRequest) -> EnrolmentResponse:
    return enrolment.enrol(msgspec.json.encode(document), address="192.0.2.7")


def refusal(document: EnrolmentRequest | bytes) -> tuple[str, int]:
    """Return code and status of a refusal, after checking that it left nothing behind."""
    before = (Node.objects.count(), Presence.objects.count(), Event.objects.count(), used())
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    with pytest.raises(EnrolmentError) as caught:
        enrolment.enrol(body, address=None)
    assert (Node.objects.count(), Presence.objects.count(), Event.objects.count(), used()) == before
    assert str(caught.value)
    return caught.value.code, caught.value.status


def used() -> int:
    return sum(EnrolmentToken.objects.values_list("uses", flat=True))


def test_a_device_with_a_good_token_waits_for_approval(make_token):
    token, secret = make_token()
    answer = enrol(request(secret, device_type="jetson"))
    node = Node.objects.get(uid=answer.node)
    assert (answer.state, answer.name, answer.site, answer.tier) == ("pending", "pi.local", "north/plant-a", "terminal")
    assert (node.site, node.token, node.memory_bytes, node.device_type) == (token.site, token, 8 << 30, "jetson")
    assert node.presence.expires_at is None
    assert used() == 1
    event = Event.objects.get(target_id=node.uid)
    assert (event.verb, event.actor_kind, event.address, event.site) == (
        "node.enrolled",
        "node",
        "192.0.2.7",
        token.site,
    )


def test_the_answer_is_signed_over_the_proof_of_this_very_request(make_token):
    document = request(make_token()[1])
    answer = enrol(document)
    given = answer.signature
    signature = signatures.Signature(given.algorithm, given.key_id, b64decode(given.value))
    public_key = signatures.public_bytes(server_key.load())
    signatures.verify(public_key, signatures.ENROL_RESPONSE, answer.signed_part(document.proof.value), signature)
    with pytest.raises(signatures.SignatureError):
        signatures.verify(public_key, signatures.ENROL_RESPONSE, answer.signed_part("other"), signature)


def test_the_greeting_is_signed_over_the_nonce():
    greeting = enrolment.hello(NONCE, clock=lambda: 1_700_000_000_000_000)
    body = greeting.signed_part(
        nonce=NONCE, at_us=1_700_000_000_000_000, gateway_url=greeting.gateway_url, server_key=greeting.server_key
    )
    given = greeting.signature
    signature = signatures.Signature(given.algorithm, given.key_id, b64decode(given.value))
    signatures.verify(b64decode(greeting.server_key), signatures.ENROL_SERVER, body, signature)
    assert given.key_id == server_key.pin()


@pytest.mark.parametrize("nonce", ["", "!!", b64encode(bytes(15)), b64encode(bytes(65)), "é"])
def test_a_bad_nonce_gets_no_greeting(nonce):
    with pytest.raises(EnrolmentError) as caught:
        enrolment.hello(nonce)
    assert caught.value.code == "malformed"


def test_a_token_with_that_policy_lets_the_device_in_at_once(make_token):
    answer = enrol(request(make_token(auto_approve=True)[1]))
    assert answer.state == "active"
    verbs = Event.objects.filter(target_id=answer.node).order_by("at", "id").values_list("verb", "actor_label")
    assert list(verbs) == [("node.enrolled", "pi.local"), ("node.approved", "token policy")]


def test_a_device_that_lost_the_answer_gets_it_again_without_a_second_use(make_token):
    _token, secret = make_token(max_uses=5)
    key = Ed25519PrivateKey.generate()
    first, second = enrol(request(secret, key)), enrol(request(secret, key))
    assert (first.node, first.name) == (second.node, second.name)
    assert (used(), Node.objects.count()) == (1, 1)


def test_the_answer_is_given_again_even_after_the_token_has_ended(make_token):
    token, secret = make_token()
    key = Ed25519PrivateKey.generate()
    first = enrol(request(secret, key))
    EnrolmentToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert enrol(request(secret, key)).node == first.node


def test_a_key_that_enrolled_with_another_token_is_refused(make_token):
    key = Ed25519PrivateKey.generate()
    enrol(request(make_token()[1], key))
    assert refusal(request(make_token()[1], key)) == ("key_known", 409)


def test_a_retired_key_never_comes_back(make_token):
    _token, secret = make_token(auto_approve=True)
    key = Ed25519PrivateKey.generate()
    node = Node.objects.get(uid=enrol(request(secret, key)).node)
    nodes.retire(node, actor=Actor.system("tests"))
    assert refusal(request(secret, key)) == ("key_known", 409)


def test_an_unknown_token_is_refused(make_token):
    make_token()
    assert refusal(request("mst_" + "a" * 32)) == ("token_unknown", 403)


def test_an_expired_token_is_refused(make_token):
    token, secret = make_token()
    EnrolmentToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert refusal(request(secret)) == ("token_expired", 403)


def test_a_revoked_token_is_refused(make_token):
    token, secret = make_token()
    enrolment_tokens.revoke(token, actor=Actor.system("tests"))
    assert refusal(request(secret)) == ("token_revoked", 403)


def test_a_used_up_token_is_refused(make_token):
    _token, secret = make_token()
    enrol(request(secret))
    assert refusal(request(secret)) == ("token_used_up", 403)


@pytest.mark.parametrize("typed", [{"site": "north/plant-b"}, {"site": "north/plant"}, {"site": ""}, {"tier": "edge"}])
def test_a_token_for_another_site_or_tier_is_refused_and_keeps_its_use(make_token, typed):
    _token, secret = make_token()
    assert refusal(request(secret, **typed)) == ("foreign_token", 403)


@pytest.mark.parametrize("typed", ["north/plant-a", "/north/plant-a/", "north/plant-a/"])
def test_the_right_site_may_be_typed_with_any_slashes(make_token, typed):
    assert enrol(request(make_token()[1], site=typed, tier="terminal")).site == "north/plant-a"


def test_a_taken_host_name_gets_a_number(make_token):
    _token, secret = make_token(max_uses=3)
    assert [enrol(request(secret)).name for _ in range(3)] == ["pi.local", "pi.local-2", "pi.local-3"]


def test_a_taken_name_that_was_asked_for_is_refused_and_keeps_the_use(make_token, make_node):
    make_node("press")
    assert refusal(request(make_token()[1], name="press")) == ("name_taken", 409)


def test_the_name_of_a_retired_node_is_free_again(make_token, make_node):
    make_node("press", state="retired")
    assert enrol(request(make_token()[1], name="press")).name == "press"


def test_a_long_host_name_is_cut_and_still_numbered(make_token):
    _token, secret = make_token(max_uses=2)
    long = msgspec.structs.replace(INVENTORY, hostname="x" * 200)
    names = [enrol(request(secret, inventory=long)).name for _ in range(2)]
    assert names == ["x" * 63, "x" * 61 + "-2"]


def test_a_proof_by_another_key_is_refused(make_token):
    document = request(make_token()[1])
    other = b64encode(signatures.public_bytes(Ed25519PrivateKey.generate()))
    assert refusal(msgspec.structs.replace(document, public_key=other)) == ("proof_invalid", 400)


@pytest.mark.parametrize("field", ["name", "token", "nonce", "device_type", "site"])
def test_a_request_changed_on_its_way_is_refused(make_token, field):
    document = request(make_token()[1])
    changed = b64encode(bytes(range(32))) if field == "nonce" else "changed"
    assert refusal(msgspec.structs.replace(document, **{field: changed})) == ("proof_invalid", 400)


def test_a_request_for_another_server_is_refused(make_token):
    other = b64encode(signatures.public_bytes(Ed25519PrivateKey.generate()))
    assert refusal(request(make_token()[1], server_key=other)) == ("proof_invalid", 400)


def test_an_unknown_algorithm_is_refused(make_token):
    document = request(make_token()[1])
    proof = msgspec.structs.replace(document.proof, algorithm="none")
    assert refusal(msgspec.structs.replace(document, proof=proof)) == ("proof_invalid", 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"token": 1}',
        b'{"token": "\\ud800"}',
    ],
)
@pytest.mark.django_db
def test_what_is_no_request_is_malformed(body):
    assert refusal(body) == ("malformed", 400)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "-x"},
        {"name": "a\nb"},
        {"name": "x" * 64},
        {"device_type": "x" * 64},
        {"device_type": "a\0b"},
        {"device_type": "jetson\x1b[2J"},
        {"device_type": "jetson\u202egpj"},
        {"name": "press\u202e7"},
        {"name": "press\u200b7"},
        {"inventory": msgspec.structs.replace(INVENTORY, hostname="pi\u2028local")},
        {"token": ""},
        {"nonce": "short"},
        {"public_key": b64encode(bytes(31))},
        {"inventory": msgspec.structs.replace(INVENTORY, cpu_cores=0)},
        {"inventory": msgspec.structs.replace(INVENTORY, memory_bytes=-1)},
        {"inventory": msgspec.structs.replace(INVENTORY, agent_version="1" * 33)},
        {"inventory": msgspec.structs.replace(INVENTORY, cpu_model="\0")},
    ],
)
def test_a_value_out_of_range_is_malformed(make_token, changes):
    assert refusal(request(make_token()[1], **changes)) == ("malformed", 400)


def test_a_number_without_canonical_form_is_malformed(make_token):
    body = msgspec.json.encode(request(make_token()[1]))
    huge = body.replace(str(64 << 30).encode(), str(1 << 60).encode())
    assert refusal(huge) == ("malformed", 400)


@pytest.mark.django_db
def test_a_body_over_the_limit_is_not_looked_at():
    assert refusal(b" " * (MAX_REQUEST_BYTES + 1)) == ("too_large", 413)


@pytest.mark.django_db(transaction=True)
def test_of_fifty_parallel_uses_of_a_one_use_token_exactly_one_succeeds(make_token):
    _token, secret = make_token()
    outcomes = in_parallel([request(secret) for _ in range(50)])
    assert outcomes == Counter({"token_used_up": 49, "enrolled": 1})
    assert (used(), Node.objects.count(), Presence.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_parallel_repeats_of_one_request_make_one_node(make_token):
    _token, secret = make_token(max_uses=20)
    assert in_parallel([request(secret, Ed25519PrivateKey.generate())] * 10) == Counter({"enrolled": 10})
    assert (used(), Node.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_devices_with_one_host_name_that_enrol_at_once_get_different_names(make_token):
    secrets = [make_token()[1] for _ in range(8)]
    assert in_parallel([request(secret) for secret in secrets]) == Counter({"enrolled": 8})
    assert Node.objects.values("name").distinct().count() == 8


def in_parallel(documents: list[EnrolmentRequest]) -> Counter[str]:
    """Send every document from its own thread at once, and count what came of it."""
    outcomes: list[str] = []
    start = threading.Barrier(len(documents))

    def send(document: EnrolmentRequest) -> None:
        start.wait(timeout=30)
        try:
            enrol(document)
            outcomes.append("enrolled")
        except EnrolmentError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[document]) for document in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return Counter(outcomes)
