"""Which work is accepted, and what a restart finds."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.faults import DocumentRefused, ShelfFailed
from agent.home import Home
from agent.training.works import Works
from muster.canon.signatures import NODE_TARGET, NODE_WORK, public_bytes, sign
from muster.ids import uuid7
from muster.wire.messages import Work
from muster.wire.targets import Reason
from muster.wire.work import NodeWork
from tests.agent.training.given import work
from tests.agent.training.test_decide import SOONER, TASK

NODE = str(uuid7())
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def works(home: Home) -> Works:
    return Works(home, NODE, public_bytes(KEY))


def signed(work: NodeWork, key: Ed25519PrivateKey = KEY, context: str = NODE_WORK) -> Work:
    return Work(work.document(), sign(key, context, work.document()))


def take(works: Works, wanted: NodeWork) -> None:
    message = signed(wanted)
    assert works.check(message) == wanted
    works.accept(message, wanted)


def refusal(works: Works, message: Work) -> Reason:
    before = works.accepted
    with pytest.raises(DocumentRefused) as caught:
        works.check(message)
    assert works.accepted == before
    return caught.value.reason


def test_what_the_pinned_key_did_not_sign_for_this_is_forged(works: Works) -> None:
    take(works, work(NODE, 3, TASK))
    newer = work(NODE, 9)
    assert refusal(works, signed(newer, Ed25519PrivateKey.generate())) == Reason.BAD_SIGNATURE
    assert refusal(works, signed(newer, context=NODE_TARGET)) == Reason.BAD_SIGNATURE
    other_bytes = msgspec.structs.replace(signed(newer), document=newer.document() + b" ")
    assert refusal(works, other_bytes) == Reason.BAD_SIGNATURE


def test_what_is_another_nodes_or_names_a_task_twice_is_malformed(works: Works) -> None:
    assert refusal(works, signed(work(str(uuid7()), 1))) == Reason.MALFORMED
    assert refusal(works, signed(work(NODE, 1, TASK, TASK))) == Reason.MALFORMED
    assert refusal(works, signed(msgspec.structs.replace(work(NODE, 1), format=2))) == Reason.MALFORMED


def test_the_counter_only_grows_and_the_same_again_is_nothing_new(works: Works) -> None:
    take(works, work(NODE, 8, TASK))
    assert works.check(signed(work(NODE, 8, TASK))) is None
    assert refusal(works, signed(work(NODE, 8, SOONER))) == Reason.OLDER
    assert refusal(works, signed(work(NODE, 7, TASK))) == Reason.OLDER
    take(works, work(NODE, 9))


def test_a_restart_finds_what_was_accepted_unless_it_is_damaged(works: Works, home: Home) -> None:
    take(works, work(NODE, 8, TASK))
    again = Works(home, NODE, public_bytes(KEY))
    again.load()
    assert again.accepted == work(NODE, 8, TASK)
    home.work.write_bytes(home.work.read_bytes()[:-3])
    again.load()
    assert again.accepted is None


def test_work_that_the_disk_does_not_take_is_not_accepted(works: Works, home: Home) -> None:
    take(works, work(NODE, 5))
    (home.path / ".work.msgpack.new").mkdir()  # the temporary file cannot be made
    newer = work(NODE, 6, TASK)
    with pytest.raises(ShelfFailed):
        works.accept(signed(newer), newer)
    assert works.accepted == work(NODE, 5)
