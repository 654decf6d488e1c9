"""Writes what nodes shall run; the gateways send it."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from fleet.registry.services.nodes import CHANGED
from fleet.trust.services import hints
from muster.canon.signatures import Signature

BATCH = 1000  # targets in one statement

# One row a node, whose generation only grows: of two compilers the newer content stays, whoever writes last.
ISSUE = """
INSERT INTO registry_nodetarget AS t (node_id, release_epoch, counter, document, content_sha256, signature_algorithm,
    signature_key_id, signature_value, artifacts, shards, issued_at)
SELECT node_id, %(release_epoch)s, %(counter)s, head || %(body)s::bytea || tail, %(content_sha256)s, %(algorithm)s,
    %(key_id)s, signature, %(artifacts)s::varchar[], %(shards)s::bigint[], now()
FROM unnest(%(nodes)s::bigint[], %(heads)s::bytea[], %(tails)s::bytea[], %(signatures)s::bytea[])
    AS u (node_id, head, tail, signature)
ON CONFLICT (node_id) DO UPDATE SET release_epoch = EXCLUDED.release_epoch, counter = EXCLUDED.counter,
    document = EXCLUDED.document, content_sha256 = EXCLUDED.content_sha256,
    signature_algorithm = EXCLUDED.signature_algorithm, signature_key_id = EXCLUDED.signature_key_id,
    signature_value = EXCLUDED.signature_value, artifacts = EXCLUDED.artifacts, shards = EXCLUDED.shards,
    issued_at = EXCLUDED.issued_at
WHERE (t.release_epoch, t.counter) < (EXCLUDED.release_epoch, EXCLUDED.counter)
RETURNING node_id
"""


@dataclass(frozen=True)
class SignedTarget:
    """One node's document: its own head and tail around the body that it shares with others, signed as a whole."""

    node: int
    uid: uuid.UUID
    head: bytes
    tail: bytes
    signature: Signature


@dataclass(frozen=True)
class Content:
    """What targets of one content have in common.

    Attributes:
        body: the part of the document that they share; sent to the database once.
        sha256: of their models alone.
        artifacts: SHA-256 of every file that they name.
        shards: key of every artifact that they name.
    """

    body: bytes
    sha256: str
    artifacts: tuple[str, ...]
    shards: tuple[int, ...]


@transaction.atomic
def issue(targets: Sequence[SignedTarget], *, generation: tuple[int, int], content: Content) -> set[int]:
    """Store targets of one content, and wake the gateways after the commit.

    A node that has a target of this generation or a newer one keeps it.

    Returns:
        The keys of the nodes that got theirs.
    """
    issued: set[int] = set()
    with connection.cursor() as cursor:
        for batch in _batches(targets):
            cursor.execute(ISSUE, _parameters(batch, generation, content))
            issued.update(node for (node,) in cursor.fetchall())
    hints.publish_all_after_commit(CHANGED, [str(target.uid) for target in targets if target.node in issued])
    return issued


def _batches(targets: Sequence[SignedTarget]) -> Iterator[Sequence[SignedTarget]]:
    for start in range(0, len(targets), BATCH):
        yield targets[start : start + BATCH]


def _parameters(batch: Sequence[SignedTarget], generation: tuple[int, int], content: Content) -> dict[str, Any]:
    release_epoch, counter = generation
    return {
        "release_epoch": release_epoch,
        "counter": counter,
        "content_sha256": content.sha256,
        "algorithm": batch[0].signature.algorithm,  # one key signs a whole batch
        "key_id": batch[0].signature.key_id,
        "artifacts": list(content.artifacts),
        "shards": list(content.shards),
        "nodes": [target.node for target in batch],
        "body": content.body,
        "heads": [target.head for target in batch],
        "tails": [target.tail for target in batch],
        "signatures": [target.signature.value for target in batch],
    }
