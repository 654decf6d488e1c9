"""Which targets are accepted, and what a restart finds."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.faults import DocumentRefused, ShelfFailed
from agent.home import Home
from agent.serving.targets import Targets
from muster.canon.signatures import NODE_REPORT, NODE_TARGET, public_bytes, sign
from muster.ids import uuid7
from muster.wire.messages import Target
from muster.wire.targets import NodeTarget, Reason
from tests.agent.serving.published import target

NODE = str(uuid7())
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def targets(home: Home) -> Targets:
    return Targets(home, NODE, public_bytes(KEY))


def signed(document: bytes, key: Ed25519PrivateKey = KEY, context: str = NODE_TARGET) -> Target:
    return Target(document, sign(key, context, document))


def take(targets: Targets, wanted: NodeTarget) -> None:
    message = signed(wanted.document())
    checked = targets.check(message)
    assert checked == wanted
    targets.accept(message, checked)


def refusal(targets: Targets, message: Target) -> Reason:
    before = targets.accepted
    with pytest.raises(DocumentRefused) as caught:
        targets.check(message)
    assert targets.accepted == before
    return caught.value.reason


@pytest.mark.parametrize(
    "forge",
    [
        lambda document: signed(document, Ed25519PrivateKey.generate()),
        lambda document: signed(document, context=NODE_REPORT),
        lambda document: msgspec.structs.replace(signed(document), document=document.replace(b'"1"', b'"2"') + b" "),
    ],
    ids=["another key", "another purpose", "other bytes"],
)
def test_what_the_pinned_key_did_not_sign_is_forged(targets: Targets, forge: object) -> None:
    take(targets, target(NODE, 3))
    assert refusal(targets, forge(target(NODE, 9).document())) == Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "document",
    [b"{}", b"\xff", target(str(uuid7()), 9).document(), msgspec.json.encode({"format": 2})],
    ids=["empty", "no JSON", "another node's", "unknown format"],
)
def test_a_signed_document_that_is_no_target_of_this_node_is_malformed(targets: Targets, document: bytes) -> None:
    assert refusal(targets, signed(document)) == Reason.MALFORMED


def test_a_smaller_generation_is_never_accepted_and_a_new_epoch_is_larger(targets: Targets) -> None:
    take(targets, target(NODE, 8, epoch=2))
    assert refusal(targets, signed(target(NODE, 7, epoch=2).document())) == Reason.OLDER
    assert refusal(targets, signed(target(NODE, 99, epoch=1).document())) == Reason.OLDER
    take(targets, target(NODE, 1, epoch=3))


def test_the_same_target_again_is_nothing_new_and_another_of_its_generation_is_refused(targets: Targets) -> None:
    wanted = target(NODE, 8)
    take(targets, wanted)
    assert targets.check(signed(wanted.document())) is None
    other = msgspec.structs.replace(wanted, request_interval_ms=77)
    assert refusal(targets, signed(other.document())) == Reason.OLDER


def test_a_restart_finds_what_was_accepted_and_what_served(targets: Targets, home: Home) -> None:
    take(targets, target(NODE, 1))
    targets.note_served(target(NODE, 1))
    take(targets, target(NODE, 2))
    again = Targets(home, NODE, public_bytes(KEY))
    again.load()
    assert again.accepted == target(NODE, 2)
    assert again.served == target(NODE, 1)
    assert refusal(again, signed(target(NODE, 1).document())) == Reason.OLDER


def test_a_file_that_the_pinned_key_did_not_sign_is_not_used(targets: Targets, home: Home) -> None:
    take(targets, target(NODE, 5))
    other = Targets(home, NODE, public_bytes(Ed25519PrivateKey.generate()))
    other.load()
    assert other.accepted is None
    home.target.write_bytes(home.target.read_bytes()[:-9])
    targets.load()
    assert targets.accepted is None


def test_a_target_that_the_disk_does_not_take_is_not_accepted(targets: Targets, home: Home) -> None:
    take(targets, target(NODE, 5))
    (home.path / ".target.msgpack.new").mkdir()  # the temporary file cannot be made
    newer = target(NODE, 6)
    with pytest.raises(ShelfFailed):
        targets.accept(signed(newer.document()), newer)
    assert targets.accepted == target(NODE, 5)
