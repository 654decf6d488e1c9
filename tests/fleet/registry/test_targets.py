"""Targets are one row a node, whose generation only grows."""

import pytest

from fleet.registry.models import NodeTarget
from fleet.registry.services import targets
from fleet.registry.services.targets import Content, SignedTarget
from muster.canon.signatures import Signature

CONTENT = Content(b"{}", "c" * 64, ("a" * 64,), (7, 9))


def issue(nodes, generation, content=CONTENT):
    signed = [
        SignedTarget(node.pk, node.uid, b"head\0", b"tail\xff", Signature("ed25519", "k", b"s")) for node in nodes
    ]
    return targets.issue(signed, generation=generation, content=content)


def test_a_target_is_stored_as_it_was_signed(make_node):
    node = make_node()
    body = bytes(range(256)) + b"\\'"
    assert issue([node], (1, 5), Content(body, "c" * 64, ("a" * 64,), (7, 9))) == {node.pk}
    row = NodeTarget.objects.get(node=node)
    assert bytes(row.document) == b"head\0" + body + b"tail\xff"
    assert (row.release_epoch, row.counter, row.content_sha256) == (1, 5, "c" * 64)
    assert (row.artifacts, row.shards) == (["a" * 64], [7, 9])
    assert (row.signature_algorithm, row.signature_key_id, bytes(row.signature_value)) == ("ed25519", "k", b"s")


@pytest.mark.parametrize(
    ("generation", "stored"), [((1, 6), True), ((2, 1), True), ((1, 5), False), ((1, 4), False), ((0, 9), False)]
)
def test_a_generation_only_grows(make_node, generation, stored):
    node = make_node()
    issue([node], (1, 5))
    assert issue([node], generation, Content(b"", "d" * 64, (), ())) == ({node.pk} if stored else set())
    row = NodeTarget.objects.get(node=node)
    assert row.content_sha256 == ("d" * 64 if stored else "c" * 64)


def test_many_targets_are_written_in_batches_and_none_is_lost(make_node, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(targets, "BATCH", 4)
    nodes = [make_node() for _ in range(9)]
    with django_assert_num_queries(5):  # three batches inside a savepoint
        assert issue(nodes, (1, 1)) == {node.pk for node in nodes}
    assert NodeTarget.objects.count() == 9
    assert issue([], (1, 2)) == set()
