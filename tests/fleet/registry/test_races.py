"""People and devices that decide at the same moment: one wins, the others are told, nothing is half made."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.registry.core.node_states import Action
from fleet.registry.models import Node
from fleet.registry.services import enrolment, nodes
from fleet.trust.models import EnrolmentToken, Event
from fleet.trust.services.actors import Actor
from muster.wire.enrolment import EnrolmentRequest
from tests.devices import request
from tests.fleet.registry.at_once import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pin")]
ROUNDS = 4


def enrolling(document: EnrolmentRequest) -> Callable[[], object]:
    return lambda: enrolment.enrol(msgspec.json.encode(document), address=None)


def test_two_tokens_with_one_key_make_one_node_and_use_one_token(make_token):
    key = Ed25519PrivateKey.generate()
    secrets = [make_token()[1] for _ in range(ROUNDS)]
    outcomes = at_once(*(enrolling(request(secret, key)) for secret in secrets))
    assert outcomes == {"done": 1, "key_known": ROUNDS - 1}
    assert Node.objects.count() == 1
    assert sum(EnrolmentToken.objects.values_list("uses", flat=True)) == 1


def test_one_name_asked_for_by_many_goes_to_one_and_the_others_keep_their_uses(make_token):
    secret = make_token(max_uses=ROUNDS)[1]
    outcomes = at_once(*(enrolling(request(secret, name="press-7")) for _ in range(ROUNDS)))
    assert outcomes == {"done": 1, "name_taken": ROUNDS - 1}
    assert EnrolmentToken.objects.get().uses == 1


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("pending", (Action.APPROVE, Action.REFUSE)),
        ("active", (Action.QUARANTINE, Action.QUARANTINE)),
        ("quarantined", (Action.RELEASE, Action.RETIRE)),
    ],
)
def test_of_two_who_decide_at_once_each_success_has_its_event(make_node, state, actions):
    people = [Actor.system(f"person {number}") for number in range(len(actions))]
    for _ in range(ROUNDS):
        node = make_node(state=state)
        moves = [
            partial(nodes.move, Node.objects.get(pk=node.pk), action, actor=actor)
            for action, actor in zip(actions, people, strict=True)
        ]
        outcomes = at_once(*moves)
        told = list(Event.objects.filter(target_id=node.uid).order_by("at", "id"))
        assert len(told) == outcomes["done"] >= 1
        assert outcomes.total() == len(actions)
        node.refresh_from_db()
        assert told[-1].after == {"state": node.state}
        # Each event begins where the one before it ended: no move was made from a state that was not there.
        assert [event.before["state"] for event in told] == [state, *(event.after["state"] for event in told[:-1])]
