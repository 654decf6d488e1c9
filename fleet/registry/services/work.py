"""Writes what nodes shall train; the gateways send it."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from fleet.registry.services.nodes import CHANGED
from fleet.trust.services import hints
from muster.canon.signatures import Signature

BATCH = 500  # documents in one statement: a few megabytes

# One row a node, whose counter only grows: of two that write, the newer work stays, whoever writes last.
# What a document names differs from node to node, and an array of arrays would have to be rectangular: so, as text.
ISSUE = """
INSERT INTO registry_nodework AS w (node_id, counter, document, signature_algorithm, signature_key_id, signature_value,
    artifacts, tasks, issued_at)
SELECT node_id, %(counter)s, document, %(algorithm)s, %(key_id)s, signature,
    string_to_array(artifacts, ','), string_to_array(tasks, ',')::uuid[], now()
FROM unnest(%(nodes)s::bigint[], %(documents)s::bytea[], %(signatures)s::bytea[], %(artifacts)s::text[],
    %(tasks)s::text[]) AS u (node_id, document, signature, artifacts, tasks)
ON CONFLICT (node_id) DO UPDATE SET counter = EXCLUDED.counter, document = EXCLUDED.document,
    signature_algorithm = EXCLUDED.signature_algorithm, signature_key_id = EXCLUDED.signature_key_id,
    signature_value = EXCLUDED.signature_value, artifacts = EXCLUDED.artifacts, tasks = EXCLUDED.tasks,
    issued_at = EXCLUDED.issued_at
WHERE w.counter < EXCLUDED.counter
RETURNING node_id
"""


@dataclass(frozen=True)
class SignedWork:
    """One node's document, ready to be sent.

    Attributes:
        node, uid: the node's key and public identifier.
        artifacts: SHA-256 of every file that it names.
        tasks: every task that it names, in order.
    """

    node: int
    uid: uuid.UUID
    document: bytes
    signature: Signature
    artifacts: Sequence[str]
    tasks: Sequence[uuid.UUID]


@transaction.atomic
def issue(works: Sequence[SignedWork], *, counter: int) -> set[int]:
    """Store what nodes shall train, and wake the gateways after the commit.

    A node that has work of this counter or a newer one keeps it.

    Returns:
        The keys of the nodes that got theirs.
    """
    issued: set[int] = set()
    with connection.cursor() as cursor:
        for batch in _batches(works):
            cursor.execute(ISSUE, _parameters(batch, counter))
            issued.update(node for (node,) in cursor.fetchall())
    hints.publish_all_after_commit(CHANGED, [str(work.uid) for work in works if work.node in issued])
    return issued


def _batches(works: Sequence[SignedWork]) -> Iterator[Sequence[SignedWork]]:
    for start in range(0, len(works), BATCH):
        yield works[start : start + BATCH]


def _parameters(batch: Sequence[SignedWork], counter: int) -> dict[str, Any]:
    return {
        "counter": counter,
        "algorithm": batch[0].signature.algorithm,  # one key signs a whole batch
        "key_id": batch[0].signature.key_id,
        "nodes": [work.node for work in batch],
        "documents": [work.document for work in batch],
        "signatures": [work.signature.value for work in batch],
        "artifacts": [",".join(work.artifacts) for work in batch],
        "tasks": [",".join(map(str, work.tasks)) for work in batch],
    }
