"""Addresses are stored in one spelling and counted by subscriber."""

import doctest

import pytest

from fleet.trust.core import addresses
from fleet.trust.models import Event


def test_the_examples_hold():
    assert doctest.testmod(addresses).failed == 0


@pytest.mark.parametrize("text", ["unknown", "192.0.2.9:5555", "", "::ffff:192.0.2.9%eth0;x"])
def test_a_proxy_that_passes_on_no_address_stops_no_page(client, operator, make_node, text):
    node = make_node(state="pending")
    client.force_login(operator)
    assert client.post(f"/nodes/{node.uid}/approve", {"reason": "it is ours"}, REMOTE_ADDR=text).status_code == 302
    assert Event.objects.get(target_id=node.uid).verb == "node.approved"
